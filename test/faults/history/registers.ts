/**
 * Whether the history of one register is linearizable: whether every call can be given a moment between its call and its answer, so that
 * each sees what the one before it left. The search is that of Wing and Gong with the memory of Lowe: whoever may come
 * next is tried, and no state (who came already, and the value) is tried twice. A read that fits is taken at once: that loses nothing.
 * A call whose answer never came may have its moment at any time after it was made, or none. One that is of no consequence (nobody ever
 * saw its value) is left out, so that the search stays small. Values are written once each.
 */
import type { Span } from './span';

/** What a call needs to find, and what it leaves; null: nothing is there. A read leaves nothing, a blind write needs nothing. */
export interface RegisterCall extends Span {
  readonly finds?: string | null;
  readonly leaves?: string;
}

export interface RegisterHistory {
  readonly calls: readonly RegisterCall[];
  /** Values whose writes were refused: nothing may ever find them. */
  readonly refused: readonly string[];
}

/** States that are tried at the most. */
const statesMax = 500_000;

/** What is wrong with it; empty: nothing. */
export function registerFaults({ calls, refused }: RegisterHistory): string[] {
  const found = new Set(calls.map(({ finds }) => finds));
  const faults = refused.filter((value) => found.has(value)).map((value) => `${value} was refused, and was found`);
  const known = calls.filter((call) => call.answeredAt < Infinity).sort((a, b) => a.calledAt - b.calledAt);
  const unknown = calls.filter(
    (call) => call.answeredAt === Infinity && call.leaves !== undefined && found.has(call.leaves),
  );
  const stuck = search(known, unknown);
  return stuck === undefined ? faults : [...faults, stuck];
}

interface State {
  /** All known calls before it have come. */
  readonly first: number;
  /** Those behind it that have come, ascending. */
  readonly later: readonly number[];
  /** Those of the unknown ones that have come, ascending. */
  readonly applied: readonly number[];
  readonly value: string | null;
}

/** Undefined where there is an order; else where the search stopped. */
function search(known: readonly RegisterCall[], unknown: readonly RegisterCall[]): string | undefined {
  const tried = new Set<string>();
  const waiting: State[] = [{ first: 0, later: [], applied: [], value: null }];
  let furthest = waiting[0]!;
  for (let state = waiting.pop(); state; state = waiting.pop()) {
    if (state.first === known.length) return undefined;
    const name = `${state.first} ${state.later.join()} ${state.applied.join()} ${state.value}`;
    if (tried.has(name)) continue;
    tried.add(name);
    if (tried.size > statesMax) return `no order was found among ${statesMax} states`;
    if (state.first > furthest.first) furthest = state;
    waiting.push(...nextStates(state, known, unknown));
  }
  return `no order explains ${show(known[furthest.first]!)}, with ${furthest.value} there`;
}

function nextStates(state: State, known: readonly RegisterCall[], unknown: readonly RegisterCall[]): State[] {
  const states: State[] = [];
  const { bound, candidates } = candidatesOf(state, known);
  for (const index of candidates) {
    const call = known[index]!;
    if (!fits(call, state.value)) continue;
    const next = withKnown(state, index, call);
    if (call.leaves === undefined) return [next];
    states.push(next);
  }
  unknown.forEach((call, index) => {
    if (state.applied.includes(index) || call.calledAt > bound || !fits(call, state.value)) return;
    const applied = [...state.applied, index].sort((a, b) => a - b);
    states.push({ ...state, applied, value: call.leaves ?? state.value });
  });
  return states;
}

/** Who may come next: no other call was answered before it was made. */
function candidatesOf(
  { first, later }: State,
  known: readonly RegisterCall[],
): { readonly bound: number; readonly candidates: readonly number[] } {
  let bound = Infinity;
  const candidates: number[] = [];
  for (let index = first; index < known.length && known[index]!.calledAt < bound; index += 1) {
    if (later.includes(index)) continue;
    candidates.push(index);
    bound = Math.min(bound, known[index]!.answeredAt);
  }
  return { bound, candidates };
}

function withKnown(state: State, index: number, call: RegisterCall): State {
  const later = [...state.later, index].sort((a, b) => a - b);
  let { first } = state;
  while (later[0] === first) {
    later.shift();
    first += 1;
  }
  return { first, later, applied: state.applied, value: call.leaves ?? state.value };
}

function fits({ finds }: RegisterCall, value: string | null): boolean {
  return finds === undefined || finds === value;
}

function show({ finds, leaves, calledAt, answeredAt }: RegisterCall): string {
  const parts = [finds !== undefined && `finds ${finds}`, leaves !== undefined && `leaves ${leaves}`].filter(Boolean);
  return `the call ${calledAt}-${answeredAt} that ${parts.join(' and ')}`;
}
