/**
 * Calls of the load, to either gateway over HTTP, and what became of them: answered, refused (surely nothing happened), or unknown. An answer that
 * nobody can act on (another code, not retryable, no words, or none in time) ends the run: errors during faults are promised to be clear.
 */
import type { Clock } from '../../../src/core/clock';
import { post } from '../../e2e/support/sample-gateway';
import type { Count } from '../history/span';
import type { Machine } from './bed';

export type Data = Readonly<Record<string, unknown>>;
export type Outcome =
  { readonly kind: 'answered'; readonly data: Data } | { readonly kind: 'refused' } | { readonly kind: 'unknown' };

/** A call that was answered at last. */
export interface Answered {
  readonly data: Data;
  readonly calledAt: number;
  readonly answeredAt: number;
}

export interface CallerOptions {
  readonly machines: readonly Machine[];
  readonly tenantId: string;
  readonly clock: Clock;
  readonly count: Count;
}

/** Codes that promise that nothing happened, and those that do not. */
const refusedCodes = new Set(['UNAVAILABLE', 'CONTENTION', 'OVERLOADED']);
const unknownCodes = new Set(['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']);
/** The deadline of a store operation is 5 s; a request may need two of them. */
const answerMsMax = 12_000;
/** Between two tries of one command. */
const pauseMs = 20;

export class Caller {
  readonly #options: CallerOptions;
  /** How often each code came, by machine. */
  readonly codes = new Map<string, number>();
  /** What each code said last, by machine. */
  readonly words = new Map<string, string>();
  /** When each machine acknowledged writes, in monotonic milliseconds. */
  readonly acknowledgedMs: number[][];
  readonly #watchers = new Set<() => void>();

  constructor(options: CallerOptions) {
    this.#options = options;
    this.acknowledgedMs = options.machines.map(() => []);
  }

  /** Sends it once. */
  async once(machine: number, query: string, variables: Data = {}): Promise<Outcome> {
    const { machines, tenantId, clock } = this.#options;
    const { gateway } = machines[machine]!;
    const given = new AbortController();
    const late = clock.sleep(answerMsMax, given.signal).then(() => 'late' as const);
    const sent = post(gateway.origin, { query, variables }, { 'x-tenant-id': tenantId }).catch(() => undefined);
    const answer = await Promise.race([sent, late]);
    given.abort();
    if (answer === 'late')
      throw new Error(`${query} of ${JSON.stringify(variables)} was not answered within ${answerMsMax} ms`);
    if (!answer) return this.#failed(machine, 'NO_CONNECTION', { kind: 'unknown' });
    const { data, errors } = answer.body;
    if (!errors) {
      if (query.startsWith('mutation')) this.acknowledgedMs[machine]!.push(clock.monotonicMs());
      this.changed();
      return { kind: 'answered', data: data! };
    }
    const { message, extensions } = errors[0]!;
    const { code, retryable } = extensions;
    const isRefused = refusedCodes.has(code);
    if ((!isRefused && !unknownCodes.has(code)) || !retryable || message === '')
      throw new Error(`${query} of ${JSON.stringify(variables)} was answered ${JSON.stringify(errors)}`);
    this.words.set(codeName(machine, code), message);
    return this.#failed(machine, code, { kind: isRefused ? 'refused' : 'unknown' });
  }

  /** Sends it until it is answered, now here, now there. What it does must be done once, however often it comes. */
  async insist(first: number, query: string, variables: Data = {}): Promise<Answered> {
    const { machines, clock, count } = this.#options;
    const calledAt = count();
    for (let machine = first; ; machine = (machine + 1) % machines.length) {
      const outcome = await this.once(machine, query, variables);
      if (outcome.kind === 'answered') return { data: outcome.data, calledAt, answeredAt: count() };
      await clock.sleep(pauseMs);
    }
  }

  /** How often something failed on a machine. */
  failures(machine: number, code: string): number {
    return this.codes.get(codeName(machine, code)) ?? 0;
  }

  /** Resolves when it holds: looked at whenever something has happened. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Something has happened. */
  changed(): void {
    for (const look of [...this.#watchers]) look();
  }

  #failed(machine: number, code: string, outcome: Outcome): Outcome {
    const name = codeName(machine, code);
    this.codes.set(name, (this.codes.get(name) ?? 0) + 1);
    this.changed();
    return outcome;
  }
}

/** What a code of a machine is called in `codes` and `words`. */
export function codeName(machine: number, code: string): string {
  return `${code} on ${machine + 1}`;
}
