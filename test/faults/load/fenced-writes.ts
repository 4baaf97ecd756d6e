/** Writes under the token of a reign, and what became of them. */
import type { FencedWrite } from '../history/reigns';
import type { PartContext, Worker } from './part';

export interface FencedWrites {
  /** Those that were answered. */
  readonly writes: readonly FencedWrite[];
  /** Writes once, through whichever gateway comes. */
  write(worker: Worker, token: number): Promise<void>;
}

export function fencedWrites(
  { caller, count, machines }: Pick<PartContext, 'caller' | 'count' | 'machines'>,
  { key, election }: { readonly key: string; readonly election: string },
): FencedWrites {
  const put = `mutation ($token: SafeInt!, $text: String!) {
  kvPut(input: { key: "${key}", value: { text: $text }, fence: { election: "${election}", token: $token } }) {
    __typename ... on Fenced { currentToken } } }`;
  const writes: FencedWrite[] = [];
  const write = async (worker: Worker, token: number): Promise<void> => {
    const calledAt = count();
    const outcome = await caller.once(worker.below(machines.length), put, { token, text: worker.fresh() });
    if (outcome.kind !== 'answered') return;
    const answer = outcome.data['kvPut'] as { readonly __typename: string; readonly currentToken?: number };
    const { currentToken } = answer;
    const isTaken = answer.__typename === 'KvPutSuccess';
    writes.push({ token, isTaken, calledAt, answeredAt: count(), ...(currentToken !== undefined && { currentToken }) });
  };
  return { writes, write };
}
