/**
 * Commands whose outcome needs the exact state of their items. They are decided on the records alone as long as these are
 * exact; where holds may have ended, the decision says so, what has ended is read, and the command is decided again with that.
 * A refusal may rest on that read itself, which is one snapshot of everything.
 */
import type { Store } from '../../proto/store';
import { AppError, isAppError } from '../core/errors';
import { keyspace } from '../core/keyspace';
import type { Remembered, Settled, Transact } from '../store/transact';
import { mayHaveDue } from './inventory-decisions';
import type { DueUnknown } from './inventory-decisions';
import { readItems } from './inventory-due';
import type { ItemState, ItemStates } from './inventory-due';
import type { DueBySku } from './inventory-rows';

/** What is known beside the records. */
export interface Known {
  readonly due: DueBySku;
  /** The storage clock at the first read of this command; undefined: nothing was read. */
  readonly sinceMs: number | undefined;
}

export interface ExactCommand<O> {
  readonly store: Store;
  readonly transact: Transact;
  readonly skus: readonly string[];
  readonly run: (known: Known) => Promise<Settled<O>>;
  /** The refusal that the items as they were read lead to; undefined: none. */
  readonly refuse: (states: readonly ItemState[]) => O | undefined;
  readonly remembered: Remembered<O> | undefined;
  /** Told of a sku whose record is behind, so that it is brought up to date. */
  readonly noteBehind: (sku: string) => void;
}

/** The decision needs to know what has ended: a signal between decision and method. */
class DueNeeded extends Error {
  constructor() {
    super('holds may have ended');
  }
}

/** Each is lost only to others who took the very stock that had come free, or folded it. */
const triesMax = 16;

/** The outcome, where the decision came to one; else it ends here, and the method reads. */
export function unlessDueUnknown<O extends { readonly kind: string }>(outcome: O | DueUnknown): O {
  if (outcome.kind === 'dueUnknown') throw new DueNeeded();
  return outcome as O;
}

/** Runs the command. Rejects as `Transact.run`, and with CONTENTION. */
export async function runExactly<O>(command: ExactCommand<O>): Promise<Settled<O>> {
  const { store, skus, run } = command;
  let known: Known = { due: new Map(), sinceMs: undefined };
  for (let tries = 1; tries <= triesMax; tries += 1) {
    try {
      return await run(known);
    } catch (error) {
      if (!isAppError(error) || !(error.cause instanceof DueNeeded)) throw error;
    }
    const read = await readItems(store, skus);
    for (const state of read.states) if (state && mayHaveDue(state.stored, read.nowMs)) command.noteBehind(state.sku);
    const refused = await refuse(command, read);
    if (refused) return refused;
    const due = new Map(skus.map((sku, index) => [sku, read.states[index]?.due]));
    known = { due, sinceMs: known.sinceMs ?? read.nowMs };
  }
  throw new AppError('CONTENTION', `others took what came free ${triesMax} times in a row: try again`);
}

async function refuse<O>(command: ExactCommand<O>, read: ItemStates): Promise<Settled<O> | undefined> {
  const { transact, skus, remembered } = command;
  const { states, revision, nowMs } = read;
  const present = states.filter((state) => state !== undefined);
  const refusal = present.length === states.length ? command.refuse(present) : undefined;
  if (refusal === undefined) return undefined;
  if (!remembered) return { outcome: refusal, revision, nowMs, isReplay: false };
  // It stood at that read: it needs no check, only its mark.
  return transact.run({ records: [keyspace.inventoryItem(skus[0]!)], decide: () => refusal, remembered });
}
