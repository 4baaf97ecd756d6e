/** What becomes of those that travelled: an outcome, or another try. */
import type { Committed } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { isReadOnly } from '../judge';
import type { Fate } from './delivery';
import { judgeRows } from './judge-rows';
import type { RowJudgement, StandingRows } from './judge-rows';
import type { Tellings } from './tellings';
import { lostRevision, readTraces } from './traces';
import type { Trace } from './traces';
import { fail } from './write-queue';
import type { WaitingTransaction } from './write-queue';
import { noScope } from './plan';
import { pauseMs, unknownOutcome } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

/** Tries of one transaction whose checks hold and that meets something expired each time. */
const triesMax = 16;

export interface ConclusionsOptions {
  readonly writer: WriterOptions;
  readonly tellings: Tellings;
  readonly closing: AbortSignal;
  readonly onUnknown: (members: readonly Member[]) => void;
  /** They are tried again. */
  readonly putBack: (members: readonly Member[]) => void;
}

export class Conclusions {
  readonly #options: WriterOptions;
  readonly #given: ConclusionsOptions;

  constructor(options: ConclusionsOptions) {
    this.#options = options.writer;
    this.#given = options;
  }

  /** The batch stands at a revision: those that were applied have their outcome. */
  written(members: readonly Member[], isApplied: readonly boolean[], revision: number, nowMs: number): void {
    this.#tell(members, isApplied, revision, nowMs);
    this.#written(members, isApplied, revision, nowMs);
  }

  /** The answer of a batch that stands was lost: its members say at its revision whether they were applied. */
  async learnFates(members: readonly Member[], revision: number, nowMs: number): Promise<void> {
    const { reader, transportClock } = this.#options;
    const { onUnknown, closing, putBack } = this.#given;
    const withWitness = members.filter(({ plan }) => plan.witness !== undefined);
    const witnesses = withWitness.map(({ plan }) => plan.witness!);
    let found: readonly Trace[] | undefined;
    while (!found) {
      try {
        found = await readTraces(reader, witnesses, revision);
      } catch {
        onUnknown(members);
        if (closing.aborted) return this.unwritten(members, { kind: 'failed', error: unknownOutcome() });
        await transportClock.sleep(pauseMs, closing);
      }
    }
    const traces = new Map(withWitness.map((member, index) => [member, found[index]!]));
    shareTraces(withWitness, traces);
    const lost = members.filter((member) => traces.get(member) === 'lost');
    const isApplied = members.map((member) => traces.get(member) === 'applied');
    for (const member of lost) this.#lose(member, nowMs);
    this.#written(members, isApplied, revision, nowMs);
    // Who begins again later looks at the rows itself, where some are lost.
    if (lost.length === 0) this.#tell(members, isApplied, revision, nowMs);
    // The others were not: they are judged again.
    putBack(members.filter((member, index) => !isApplied[index] && !lost.includes(member)));
  }

  unwritten(members: readonly Member[], fate: Extract<Fate, { kind: 'void' | 'failed' }>): void {
    if (fate.kind === 'void') return this.#given.putBack(members);
    for (const { waiting } of members) fail(waiting, fate.error);
  }

  /** Its compares did not hold. Where its checks hold all the same, something expired was in the way: it is tried again, knowing that. */
  refused(member: Member, standing: StandingRows, nowMs: number): void {
    const { waiting } = member;
    if (waiting.kind === 'plan') return waiting.settle(false);
    const { outcome, expired, entries } = this.judge(waiting, standing, nowMs);
    for (const entry of entries) this.#options.known.note(entry);
    if (outcome.kind !== 'committed' || isReadOnly(waiting.transaction)) return waiting.settle(outcome);
    if (waiting.refusal) return waiting.settle({ kind: 'failed', error: waiting.refusal });
    // What was in the way before may be gone by now.
    waiting.expired = expired;
    waiting.tries += 1;
    if (waiting.tries < triesMax) return this.#given.putBack([member]);
    const message = `other writers were in the way ${triesMax} times in a row: nothing was written, try again`;
    waiting.settle({ kind: 'failed', error: new AppError('CONTENTION', message) });
  }

  judge({ transaction }: WaitingTransaction, standing: StandingRows, nowMs: number): RowJudgement {
    const { layout, markKeepMs, marksPerScopeMax, marks } = this.#options;
    const marksOfScope = marks.of(transaction.scope ?? noScope);
    return judgeRows(transaction, standing, { layout, nowMs, markKeepMs, marksPerScopeMax, marksOfScope });
  }

  #written(members: readonly Member[], isApplied: readonly boolean[], revision: number, nowMs: number): void {
    members.forEach((member, index) => {
      const { waiting } = member;
      if (!isApplied[index]) return;
      if (waiting.kind === 'plan') return waiting.settle(true);
      this.#remember(waiting, member, revision, nowMs);
    });
    this.#options.onWritten(revision, nowMs);
    members.forEach(({ waiting }, index) => {
      if (!isApplied[index] || waiting.kind === 'plan') return;
      const outcome: Committed = { kind: 'committed', revision, nowMs };
      waiting.settle(outcome);
    });
  }

  /** Lets the next batch row say which attempts were applied. */
  #tell(members: readonly Member[], isApplied: readonly boolean[], revision: number, nowMs: number): void {
    const applied: Buffer[] = [];
    for (const [index, { waiting, plan }] of members.entries()) {
      if (!isApplied[index] || waiting.kind === 'plan' || !plan.witness) continue;
      if (waiting.transaction.attemptId) applied.push(waiting.transaction.attemptId);
    }
    this.#given.tellings.add({ revision, nowMs, applied });
  }

  /** Nobody will ever know what became of it. */
  #lose({ waiting }: Member, nowMs: number): void {
    if (waiting.kind === 'plan') return waiting.settle(undefined);
    const { attemptId } = waiting.transaction;
    if (attemptId) this.#options.attempts.add(attemptId, { revision: lostRevision, nowMs });
    fail(waiting, unknownOutcome());
  }

  #remember(waiting: WaitingTransaction, { plan }: Member, revision: number, nowMs: number): void {
    const { known, marks, attempts, quotas } = this.#options;
    const { transaction, names, billing } = waiting;
    for (const [index, write] of transaction.writes.entries()) {
      if (write.kind === 'delete') continue;
      const expiresAtMs = write.ttlMs === undefined ? 0 : nowMs + write.ttlMs;
      known.noteName(names.writes[index]!, { revision, expiresAtMs });
    }
    for (const { key, atMs } of plan.dues) known.noteDue(key, atMs);
    if (billing) quotas.written(billing.changes, revision);
    if (transaction.marks) marks.add(transaction.scope ?? noScope, transaction.marks.length);
    if (transaction.attemptId && plan.witness) attempts.add(transaction.attemptId, { revision, nowMs });
  }
}

/** Of those with one fate, what a row says of one is said of all. */
function shareTraces(members: readonly Member[], traces: Map<Member, Trace>): void {
  const known = new Map<Buffer, Trace>();
  for (const member of members) {
    const trace = traces.get(member)!;
    if (member.sharedWitness && trace !== 'lost') known.set(member.sharedWitness, trace);
  }
  for (const member of members) {
    const trace = member.sharedWitness && known.get(member.sharedWitness);
    if (trace) traces.set(member, trace);
  }
}
