/**
 * Writes. One physical transaction is in flight at a time and takes what has gathered meanwhile (`write-queue.ts`, `plan.ts`), so that
 * a trip through etcd's log is shared by all that waited for it. Each physical transaction makes a row of its own, its batch row, where there is none:
 * so an answer that was lost is found again (the row is ours, at a revision), or made sure never to come (the row is
 * made by somebody else first), before anything else is written. What a batch applied is read at its revision. Where that cannot be found out in
 * time, its callers are told OUTCOME_UNKNOWN, and only they; what was not sent is UNAVAILABLE.
 */
import type { CommitOutcome, Committed, Transaction, Write } from '../../proto/store';
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { noUsage } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import type { AttemptTable } from '../attempt-table';
import { isExpired, isReadOnly } from '../judge';
import { UsageChanges, quotaFault } from '../usage';
import type { UsageChange } from '../usage';
import type { RevisionBases } from './bases';
import type { EtcdChannel } from './channel';
import { EtcdFailure, toStoreError } from './channel';
import { judgeRows } from './judge-rows';
import type { RowJudgement, StandingRows } from './judge-rows';
import type { KnownRows } from './known-rows';
import { batchNonce, encodeBatch, nonceBytes, rowHead, toEntry } from './layout';
import type { BatchRow, Layout } from './layout';
import type { MarkCounts } from './mark-counts';
import { deleteOp, getOp, isAbsent, isAtRevision, isSince, methods, putOp } from './messages';
import type { Compare, KeyValue, RangeResponse, RequestOp, TxnRequest, TxnResponse } from './messages';
import type { Footprint, Plan } from './plan';
import {
  aloneForm,
  attemptsOf,
  grouped,
  guardsOfBatch,
  nameOf,
  nested,
  planTransaction,
  spreadWrites,
  ungrouped,
  widthOf,
  witnessed,
} from './plan';
import type { Quotas } from './quotas';
import type { EtcdReader } from './reader';
import type { SharedTime } from './storage-time';
import type { Waiting, WaitingTransaction } from './write-queue';
import { WriteQueue, fail } from './write-queue';

/** What a write needs to know of the process that writes it. */
export interface Registration {
  readonly id: Buffer;
  /** The row of this process and the revision at which it was made: gone, the process was given up by the others. */
  readonly row: Buffer;
  createRevision(): number;
  /** Makes the row anew. Throws where another process has taken its place for good. */
  renew(): Promise<void>;
  /** Why this process must not write now. */
  refusal(): AppError | undefined;
}

export interface WriterOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly bases: RevisionBases;
  readonly known: KnownRows;
  readonly marks: MarkCounts;
  readonly time: SharedTime;
  /** For deadlines and pauses. */
  readonly transportClock: Clock;
  readonly ids: Ids;
  readonly registration: Registration;
  readonly attempts: AttemptTable;
  readonly quotas: Quotas;
  readonly markKeepMs: number;
  readonly marksPerScopeMax: number;
  /** Something stands at this revision, written at this time. */
  readonly onWritten: (revision: number, nowMs: number) => void;
}

/** Batch rows are dropped by buckets of this length. */
export const bucketMs = 30_000;
/** A caller who has waited so long is told so. */
const waitMsMax = 3_500;
const pauseMs = 50;
/** Tries of one transaction whose checks hold and that meets something expired each time. */
const triesMax = 16;
/** A lock of another process that has stood so long is taken away. */
const lockMsMax = 2_000;
/** Storage clocks of processes may be apart: around its beginning, a generation of marks may be entered early by another process. */
const generationMarginMs = 1_000;

interface Member {
  readonly waiting: Waiting;
  readonly plan: Plan;
}

/** The fate of a physical transaction. */
type Fate =
  | { readonly kind: 'answered'; readonly response: TxnResponse }
  /** It was applied, and its answer was lost. */
  | { readonly kind: 'applied'; readonly revision: number }
  /** It was not, and will not be. */
  | { readonly kind: 'void' }
  /** etcd refused it. */
  | { readonly kind: 'failed'; readonly error: AppError };

export class EtcdWriter {
  readonly #options: WriterOptions;
  readonly #queue = new WriteQueue();
  readonly #closing = new AbortController();
  #isRunning = false;
  #isClosed = false;
  #onIdle: (() => void) | undefined;
  #number = 0;
  /** What the next batch row says of the one before it. */
  #last: Pick<BatchRow, 'applied' | 'previous'> = { applied: [], previous: { revision: 0, nowMs: 0 } };
  #lockSeen: { readonly modRevision: number; readonly sinceMs: number } | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  commit(
    transactions: readonly Transaction[],
    faults: readonly (AppError | undefined)[],
  ): Promise<readonly CommitOutcome[]> {
    const outcomes = this.#queue.add(transactions, faults, this.#monotonicMs());
    this.#start();
    return outcomes;
  }

  /** Writes something of our own; false where its compares did not hold, undefined where it could not be written. */
  write(plan: Plan, footprint: Footprint, bytes = plan.writes.length * 64): Promise<boolean | undefined> {
    const applied = this.#queue.addPlan(plan, { footprint, bytes, sinceMs: this.#monotonicMs() });
    this.#start();
    return applied;
  }

  /** Judges transactions that write nothing on the state that stands. */
  async judge(transactions: readonly Transaction[]): Promise<CommitOutcome[]> {
    const { layout, time, reader, known, markKeepMs, marksPerScopeMax } = this.#options;
    const ranges = transactions.map(({ checks }) => checks.map(({ key }) => ({ key: layout.row(key) })));
    const { responses, revision } = await reader.raw(ranges.flat());
    const options = { layout, nowMs: time.nowMs(), markKeepMs, marksPerScopeMax, marksOfScope: 0 };
    let at = 0;
    return transactions.map((each, index) => {
      const own = responses.slice(at, (at += ranges[index]!.length));
      const { outcome, entries } = judgeRows(each, { responses: own, revision }, options);
      for (const entry of entries) known.note(entry);
      return outcome;
    });
  }

  /** Finishes what runs. What cannot be finished is given up when `signal` aborts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#isRunning) {
      const cancel = this.#options.transportClock.after(waitMsMax, () => this.#closing.abort());
      await new Promise<void>((resolve) => (this.#onIdle = resolve));
      cancel();
    }
    this.#closing.abort();
  }

  // --- the loop ----------------------------------------------------------------------------------------------------

  /** Runs at the end of this turn, so that what arrives in it is together. */
  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#queue.size > 0) {
      try {
        await this.#step();
      } catch (thrown) {
        const error = toStoreError(thrown);
        if (error.code === 'UNAVAILABLE') {
          this.#failLate(error);
          await this.#pause();
        } else this.#failAll(error);
      }
      if (this.#closing.signal.aborted) this.#failAll(new AppError('UNAVAILABLE', 'the store is closed'));
    }
    this.#isRunning = false;
    this.#onIdle?.();
  }

  async #step(): Promise<void> {
    const refusal = this.#options.registration.refusal();
    if (refusal) return this.#failAll(refusal);
    await this.#learn();
    const nowMs = this.#options.time.nowMs();
    const members = this.#take(nowMs);
    if (members.length === 0) return;
    try {
      await this.#send(members, nowMs);
    } catch (error) {
      // Nothing of them was written.
      this.#putBack(members);
      throw error;
    }
  }

  /** Looks up what is needed to judge what may be taken next and is not known. */
  async #learn(): Promise<void> {
    const { known, reader, marks, layout, time } = this.#options;
    const scopes = new Map<string, Buffer>();
    const unknown: Buffer[] = [];
    const front = this.#queue.front();
    for (const waiting of front) {
      if (waiting.kind === 'plan' || waiting.isLearnt) continue;
      const { checks, marks: own = [], scope = noScope } = waiting.transaction;
      if (own.length > 0) scopes.set(nameOf(scope), scope);
      for (const { key, revision } of checks)
        if (revision > 0 && known.expiryOf(key, revision) === undefined) unknown.push(key);
    }
    await this.#learnBilling(front);
    if (scopes.size > 0) await marks.learn([...scopes.values()], this.#generations(time.nowMs())[0]!);
    if (unknown.length > 0) {
      const { responses } = await reader.raw(unknown.map((key) => ({ key: layout.row(key) })));
      // A row that is not at the revision of its check makes a conflict, whenever it expires.
      responses.forEach(({ kvs }, index) => kvs[0] && known.note(toEntry(unknown[index]!, kvs[0])));
    }
    for (const waiting of front) if (waiting.kind === 'transaction') waiting.isLearnt = true;
  }

  /** What transactions with a quota come to: at the most, or where that would pass it, exactly. */
  async #learnBilling(front: readonly Waiting[]): Promise<void> {
    const { quotas, reader, layout } = this.#options;
    for (const waiting of front) {
      if (waiting.kind === 'plan' || waiting.isLearnt || !waiting.transaction.quota || !waiting.transaction.scope)
        continue;
      const { writes, scope } = waiting.transaction;
      await quotas.learn(scope);
      if (!waiting.billing) {
        waiting.billing = { changes: billingOf(writes, () => undefined), isExact: false };
        continue;
      }
      const { responses } = await reader.raw(writes.map(({ key }) => ({ key: layout.row(key) })));
      const sizes = responses.map(({ kvs }) => (kvs[0] ? rowHead(kvs[0]).valueBytes : undefined));
      waiting.billing = { changes: billingOf(writes, (index) => sizes[index]), isExact: true };
    }
  }

  /** Whether a transaction passes its quota: 'later' where that is not known, or may change with those before it. */
  #judgeQuota(waiting: WaitingTransaction, reserved: UsageChanges): 'fits' | 'passes' | 'later' {
    const { transaction, billing } = waiting;
    if (!billing) return 'fits';
    const usageOf = (account: Buffer): Usage => this.#options.quotas.of(account);
    const ofBatch = new Map(reserved.all().map((each) => [nameOf(each.account), each]));
    const withBatch = (account: Buffer): Usage => {
      const used = usageOf(account);
      const more = ofBatch.get(nameOf(account)) ?? noUsage;
      return { keys: used.keys + more.keys, bytes: used.bytes + more.bytes };
    };
    const fault = quotaFault(transaction, billing.changes, usageOf);
    if (!fault) return quotaFault(transaction, billing.changes, withBatch) ? 'later' : 'fits';
    if (!billing.isExact) {
      waiting.isLearnt = false;
      return 'later';
    }
    waiting.refusal = fault;
    return 'passes';
  }

  /** Takes what travels together, and answers what needs no trip. */
  #take(nowMs: number): readonly Member[] {
    const plans = new Map<Waiting, Member>();
    const marksTaken = new Map<string, number>();
    const reserved = new UsageChanges();
    const taken = this.#queue.take((waiting) => {
      if (waiting.kind === 'plan') {
        plans.set(waiting, { waiting, plan: waiting.plan });
        return { kind: 'join', width: widthOf(waiting.plan) };
      }
      if (waiting.isSettled) return { kind: 'done' };
      if (!waiting.isLearnt) return { kind: 'wait' };
      const { transaction } = waiting;
      const past = transaction.attemptId && this.#options.attempts.find(transaction.attemptId);
      if (past) {
        waiting.settle({ kind: 'committed', ...past });
        return { kind: 'done' };
      }
      const { marks = [], scope = noScope } = transaction;
      const ofBatch = marksTaken.get(nameOf(scope)) ?? 0;
      const isFull = this.#isFull(transaction, 0);
      // It may be that those before it make none after all.
      if (!isFull && this.#isFull(transaction, ofBatch)) return { kind: 'wait' };
      const quota = this.#judgeQuota(waiting, reserved);
      if (quota === 'later') return { kind: 'wait' };
      if (quota === 'fits')
        for (const write of waiting.billing ? transaction.writes : [])
          reserved.add(write.key, undefined, sizeOf(write));
      if (marks.length > 0) marksTaken.set(nameOf(scope), ofBatch + marks.length);
      const planned = this.#plan(transaction, waiting.expired, nowMs);
      const isRefused = isFull || quota === 'passes' || this.#isOver(transaction, nowMs);
      const plan = isRefused ? { ...planned, ...this.#never(), writes: [], witness: undefined, dues: [] } : planned;
      plans.set(waiting, { waiting, plan });
      return { kind: 'join', width: widthOf(plan) };
    });
    return taken.map((waiting) => plans.get(waiting)!);
  }

  /** Whether it relies on something that is over by now: it then only learns what stands. */
  #isOver({ checks, validUntilMs }: Transaction, nowMs: number): boolean {
    if (validUntilMs !== undefined && validUntilMs <= nowMs) return true;
    return checks.some(({ key, revision }) => {
      const expiresAtMs = revision > 0 ? this.#options.known.expiryOf(key, revision) : undefined;
      return expiresAtMs !== undefined && isExpired({ expiresAtMs }, nowMs);
    });
  }

  #isFull({ marks = [], scope = noScope }: Transaction, ofBatch: number): boolean {
    if (marks.length === 0) return false;
    return this.#options.marks.of(scope) + ofBatch + marks.length > this.#options.marksPerScopeMax;
  }

  /** Compares that never hold, so that only the reads are done. */
  #never(): Pick<Plan, 'compare'> {
    return { compare: [isAbsent(this.#options.layout.meta)] };
  }

  #plan(transaction: Transaction, expired: ReadonlyMap<string, number>, nowMs: number): Plan {
    const { layout, known } = this.#options;
    return planTransaction(transaction, {
      layout,
      nowMs,
      generations: this.#generations(nowMs),
      expired,
      hasDue: (key, expiresAtMs) => known.hasDue(key, expiresAtMs, nowMs),
    });
  }

  /** Where a mark may stand: in the generation of now, in the one before, and around its end in the next. */
  #generations(nowMs: number): readonly number[] {
    const { markKeepMs } = this.#options;
    const now = Math.floor(nowMs / markKeepMs);
    const next = Math.floor((nowMs + generationMarginMs) / markKeepMs);
    return next > now && markKeepMs > 2 * generationMarginMs ? [now, now - 1, next] : [now, now - 1];
  }

  // --- sending -----------------------------------------------------------------------------------------------------

  async #send(members: readonly Member[], nowMs: number): Promise<void> {
    if (members.every(({ plan }) => plan.writes.length === 0)) return this.#readOnly(members, nowMs);
    const [first] = members;
    if (members.length > 1) return this.#sendBatch(members, nowMs);
    if (aloneForm(first!.plan) === 'whole') return this.#sendAlone(first!, nowMs);
    return this.#sendLocked(first!, nowMs);
  }

  /** None of them writes: what they need is read. */
  async #readOnly(members: readonly Member[], nowMs: number): Promise<void> {
    const requests = members.map(({ plan }) => plan.reads.map(({ requestRange }) => requestRange!));
    const { responses, revision } = await this.#options.reader.raw(requests.flat());
    let at = 0;
    members.forEach((member, index) => {
      const own = responses.slice(at, (at += requests[index]!.length));
      this.#concludeRefused(member, { responses: own, revision }, nowMs);
    });
  }

  async #sendBatch(given: readonly Member[], nowMs: number): Promise<void> {
    const batch = this.#nextBatch(nowMs);
    const members = given.map(({ waiting, plan }, index) => ({
      waiting,
      // What is our own may be tried again: whether it was applied need not be told apart.
      plan: waiting.kind === 'plan' ? plan : witnessed(plan, this.#options.layout.witness(batch.key, index)),
    }));
    const fate = await this.#deliver(members, batch, nowMs, (put) => ({
      compare: this.#guards(batch.key),
      success: [put, ...grouped(members.map(({ plan }) => nested(plan)))],
      failure: this.#guardReads(batch.key),
    }));
    if (fate.kind === 'answered') {
      const { header, succeeded, responses } = fate.response;
      if (!succeeded) return this.#onGuards(members, rangesOf(responses));
      const outer = responses.slice(1).map(({ responseTxn }) => responseTxn!);
      const answers = ungrouped(outer, members.length);
      this.#written(
        members,
        answers.map((each) => each.succeeded),
        header!.revision,
        nowMs,
      );
      members.forEach((member, index) => {
        const standing = { responses: rangesOf(answers[index]!.responses), revision: header!.revision };
        if (!answers[index]!.succeeded) this.#concludeRefused(member, standing, nowMs);
      });
    } else if (fate.kind === 'applied') await this.#learnFates(members, fate.revision, nowMs);
    else this.#concludeUnwritten(members, fate);
  }

  /** A transaction that goes alone: where its checks fail nothing is written, the batch row neither. */
  async #sendAlone({ waiting, plan }: Member, nowMs: number): Promise<void> {
    const batch = this.#nextBatch(nowMs);
    const isOwn = waiting.kind === 'plan';
    const member = { waiting, plan: isOwn ? plan : witnessed(plan, this.#options.layout.witness(batch.key, 0)) };
    const members = [member];
    const compare = [...this.#guards(batch.key), ...plan.compare];
    const fate = await this.#deliver(members, batch, nowMs, (put) => ({
      compare,
      success: spreadWrites([put, ...member.plan.writes], compare.length),
      failure: [...this.#guardReads(batch.key), ...plan.reads],
    }));
    if (fate.kind === 'answered') {
      const { header, succeeded, responses } = fate.response;
      const revision = header!.revision;
      if (succeeded) return this.#written(members, [true], revision, nowMs);
      const ranges = rangesOf(responses);
      if (!this.#areGuardsMet(ranges)) return this.#onGuards(members, ranges);
      this.#concludeRefused(member, { responses: ranges.slice(guardsOfBatch), revision }, nowMs);
    } else if (fate.kind === 'applied') this.#written(members, [true], fate.revision, nowMs);
    else this.#concludeUnwritten(members, fate);
  }

  /**
   * A transaction with more compares than one path of etcd's transactions holds: while the lock stands nobody else writes, so
   * that what is read then is still true when it is written. Costs three trips.
   */
  async #sendLocked({ waiting, plan }: Member, nowMs: number): Promise<void> {
    const { layout, reader } = this.#options;
    const lockRevision = await this.#lock();
    const requests = plan.reads.map(({ requestRange }) => requestRange!);
    const standing = await reader.raw(requests);
    const { outcome } = this.#judge(waiting as WaitingTransaction, standing, nowMs);
    if (outcome.kind !== 'committed') {
      this.#concludeRefused({ waiting, plan }, standing, nowMs);
      return this.#unlock(lockRevision);
    }
    const batch = this.#nextBatch(nowMs);
    const members = [{ waiting, plan: witnessed(plan, layout.witness(batch.key, 0)) }];
    const [absent, since, , basesKnown] = this.#guards(batch.key);
    const fate = await this.#deliver(members, batch, nowMs, (put) => ({
      compare: [absent!, since!, isAtRevision(layout.lock, lockRevision), basesKnown!],
      success: spreadWrites([put, deleteOp(layout.lock), ...members[0]!.plan.writes], guardsOfBatch),
      failure: this.#guardReads(batch.key),
    }));
    const revision =
      fate.kind === 'applied' ? fate.revision : fate.kind === 'answered' ? fate.response.header!.revision : 0;
    if (fate.kind === 'applied' || (fate.kind === 'answered' && fate.response.succeeded))
      return this.#written(members, [true], revision, nowMs);
    if (fate.kind === 'answered') return this.#onGuards(members, rangesOf(fate.response.responses));
    await this.#unlock(lockRevision);
    this.#concludeUnwritten(members, fate);
  }

  #guards(batch: Buffer): Compare[] {
    const { layout, registration, bases } = this.#options;
    const isRegistered = isSince(registration.row, registration.createRevision());
    return [isAbsent(batch), isRegistered, isAbsent(layout.lock), bases.guard()];
  }

  #guardReads(batch: Buffer): RequestOp[] {
    const { registration, layout } = this.#options;
    return [batch, registration.row, layout.lock, layout.bases].map(getOp);
  }

  #nextBatch(nowMs: number): { readonly key: Buffer; readonly nonce: Buffer } {
    const { layout, registration, ids } = this.#options;
    const key = layout.batch(Math.floor(nowMs / bucketMs), registration.id, (this.#number += 1));
    return { key, nonce: ids.bytes(nonceBytes) };
  }

  /** Sends a physical transaction and finds out what became of it, however long that takes. */
  async #deliver(
    members: readonly Member[],
    batch: { readonly key: Buffer; readonly nonce: Buffer },
    nowMs: number,
    make: (put: RequestOp) => TxnRequest,
  ): Promise<Fate> {
    const attempts = attemptsOf(
      members.flatMap(({ waiting, plan }) =>
        waiting.kind === 'transaction' ? [{ transaction: waiting.transaction, plan }] : [],
      ),
    );
    const row = encodeBatch({ nowMs, nonce: batch.nonce, attempts, ...this.#last });
    try {
      return { kind: 'answered', response: await this.#options.channel.once(methods.txn, make(putOp(batch.key, row))) };
    } catch (error) {
      const failure = error as EtcdFailure;
      if (failure instanceof EtcdFailure && !failure.isAmbiguous)
        return { kind: 'failed', error: toStoreError(failure) };
      return this.#resolve(members, batch, nowMs);
    }
  }

  /** Finds the batch row, or makes it in the place of the transaction that may still be on its way. */
  async #resolve(
    members: readonly Member[],
    batch: { readonly key: Buffer; readonly nonce: Buffer },
    nowMs: number,
  ): Promise<Fate> {
    const { channel, ids } = this.#options;
    const nonce = ids.bytes(nonceBytes);
    const row = encodeBatch({ nowMs, nonce, attempts: [], ...this.#last });
    const request: TxnRequest = {
      compare: [isAbsent(batch.key)],
      success: [putOp(batch.key, row)],
      failure: [getOp(batch.key)],
    };
    for (;;) {
      this.#tellUnknown(members);
      try {
        const { succeeded, responses } = await channel.once(methods.txn, request);
        if (succeeded) return { kind: 'void' };
        const [found] = rangesOf(responses)[0]!.kvs;
        const isOurs = found !== undefined && batchNonce(found.value).equals(batch.nonce);
        return isOurs ? { kind: 'applied', revision: found.modRevision } : { kind: 'void' };
      } catch {
        // A refusal (no room, a token) is no answer either: it is asked until there is one.
        if (this.#closing.signal.aborted) return { kind: 'failed', error: unknownOutcome() };
        await this.#pause();
      }
    }
  }

  /** Those who have waited for long are told that it is not known; and those behind them that nothing was written. */
  #tellUnknown(members: readonly Member[]): void {
    const nowMs = this.#monotonicMs();
    for (const { waiting } of members)
      if (waiting.kind === 'transaction' && nowMs - waiting.sinceMs >= waitMsMax)
        waiting.settle({ kind: 'failed', error: unknownOutcome() });
    this.#failLate(new AppError('UNAVAILABLE', 'etcd does not answer: nothing was written'));
  }

  // --- what becomes of them ----------------------------------------------------------------------------------------

  /** The batch stands at a revision: those that were applied have their outcome. */
  #written(members: readonly Member[], isApplied: readonly boolean[], revision: number, nowMs: number): void {
    const { known, marks, attempts } = this.#options;
    const applied: Buffer[] = [];
    members.forEach(({ waiting, plan }, index) => {
      if (!isApplied[index]) return;
      if (waiting.kind === 'plan') return waiting.settle(true);
      const { transaction } = waiting;
      for (const write of transaction.writes) {
        if (write.kind === 'delete') continue;
        known.note({ key: write.key, revision, expiresAtMs: write.ttlMs === undefined ? 0 : nowMs + write.ttlMs });
      }
      for (const { key, atMs } of plan.dues) known.noteDue(key, atMs);
      if (waiting.billing) this.#options.quotas.written(waiting.billing.changes, revision);
      if (transaction.marks) marks.add(transaction.scope ?? noScope, transaction.marks.length);
      if (transaction.attemptId && plan.witness) {
        attempts.add(transaction.attemptId, { revision, nowMs });
        applied.push(transaction.attemptId);
      }
    });
    this.#last = { applied, previous: { revision, nowMs } };
    this.#options.onWritten(revision, nowMs);
    members.forEach(({ waiting }, index) => {
      if (!isApplied[index] || waiting.kind === 'plan') return;
      const outcome: Committed = { kind: 'committed', revision, nowMs };
      waiting.settle(outcome);
    });
  }

  /** The answer of a batch that stands was lost: its members say at its revision whether they were applied. */
  async #learnFates(members: readonly Member[], revision: number, nowMs: number): Promise<void> {
    const witnesses = members.flatMap(({ plan }) => plan.witness ?? []);
    let found: ReadonlySet<string> | undefined;
    while (!found) {
      try {
        const { responses } = await this.#options.reader.raw(witnesses.map((key) => ({ key, revision })));
        const there = responses.flatMap(({ kvs }) => kvs.filter((row) => row.modRevision === revision));
        found = new Set(there.map((row) => nameOf(row.key)));
      } catch {
        this.#tellUnknown(members);
        if (this.#closing.signal.aborted)
          return this.#concludeUnwritten(members, { kind: 'failed', error: unknownOutcome() });
        await this.#pause();
      }
    }
    const isApplied = members.map(({ plan }) => plan.witness !== undefined && found.has(nameOf(plan.witness)));
    this.#written(members, isApplied, revision, nowMs);
    // The others were not: they are judged again.
    this.#putBack(members.filter((_, index) => !isApplied[index]));
  }

  #concludeUnwritten(members: readonly Member[], fate: Extract<Fate, { kind: 'void' | 'failed' }>): void {
    if (fate.kind === 'void') return this.#putBack(members);
    for (const { waiting } of members) fail(waiting, fate.error);
  }

  /** Its compares did not hold. Where its checks hold all the same, something expired was in the way: it is tried again, knowing that. */
  #concludeRefused(member: Member, standing: StandingRows, nowMs: number): void {
    const { waiting } = member;
    if (waiting.kind === 'plan') return waiting.settle(false);
    const { outcome, expired, entries } = this.#judge(waiting, standing, nowMs);
    for (const entry of entries) this.#options.known.note(entry);
    if (outcome.kind !== 'committed' || isReadOnly(waiting.transaction)) return waiting.settle(outcome);
    if (waiting.refusal) return waiting.settle({ kind: 'failed', error: waiting.refusal });
    for (const [name, revision] of expired) waiting.expired.set(name, revision);
    waiting.tries += 1;
    if (waiting.tries < triesMax) return this.#putBack([member]);
    const message = `other writers were in the way ${triesMax} times in a row: nothing was written, try again`;
    waiting.settle({ kind: 'failed', error: new AppError('CONTENTION', message) });
  }

  #judge({ transaction }: WaitingTransaction, standing: StandingRows, nowMs: number): RowJudgement {
    const { layout, markKeepMs, marksPerScopeMax, marks } = this.#options;
    const marksOfScope = marks.of(transaction.scope ?? noScope);
    return judgeRows(transaction, standing, { layout, nowMs, markKeepMs, marksPerScopeMax, marksOfScope });
  }

  /** A guard of the whole did not hold: nothing of it was written. */
  async #onGuards(members: readonly Member[], ranges: readonly RangeResponse[]): Promise<void> {
    this.#putBack(members);
    const [, process, lock, bases] = ranges;
    const { registration } = this.#options;
    this.#options.bases.note(bases!.kvs[0], 0);
    if (process!.kvs[0]?.createRevision !== registration.createRevision()) return registration.renew();
    if (lock!.kvs[0]) await this.#waitForLock(lock!.kvs[0]);
  }

  #areGuardsMet([batch, process, lock, bases]: readonly RangeResponse[]): boolean {
    const isRegistered = process!.kvs[0]?.createRevision === this.#options.registration.createRevision();
    const areBasesKnown = this.#options.bases.isKnown(bases!.kvs[0]);
    return batch!.kvs.length === 0 && isRegistered && lock!.kvs.length === 0 && areBasesKnown;
  }

  #putBack(members: readonly Member[]): void {
    this.#queue.putBack(
      members.map(({ waiting }) => waiting).filter((each) => each.kind === 'plan' || !each.isSettled),
    );
  }

  // --- the lock ----------------------------------------------------------------------------------------------------

  /** Takes the lock; the revision at which it is ours. */
  async #lock(): Promise<number> {
    const { channel, layout, registration, ids } = this.#options;
    const value = Buffer.concat([registration.id, ids.bytes(nonceBytes)]);
    const request: TxnRequest = {
      compare: [isAbsent(layout.lock), isSince(registration.row, registration.createRevision())],
      success: [putOp(layout.lock, value)],
      failure: [getOp(layout.lock), getOp(registration.row)],
    };
    for (let tries = 0; ; tries += 1) {
      const { header, succeeded, responses } = await channel.ask(methods.txn, request);
      if (succeeded) return header!.revision;
      const [lock, process] = rangesOf(responses).map(({ kvs }) => kvs[0]);
      if (lock?.value.equals(value)) return lock.modRevision;
      if (process?.createRevision !== registration.createRevision()) {
        await registration.renew();
        throw new AppError('UNAVAILABLE', 'this storage process was given up by the others, and is back');
      }
      if (lock) await this.#waitForLock(lock);
      if (this.#closing.signal.aborted) throw new AppError('UNAVAILABLE', 'the store is closed');
    }
  }

  /** Waits a little for the lock of another process; takes away one that was left behind. */
  async #waitForLock(lock: KeyValue): Promise<void> {
    const { channel, layout, registration, transportClock } = this.#options;
    if (this.#lockSeen?.modRevision !== lock.modRevision)
      this.#lockSeen = { modRevision: lock.modRevision, sinceMs: this.#monotonicMs() };
    const isOwn = lock.value.subarray(0, registration.id.length).equals(registration.id);
    const isOld = this.#monotonicMs() - this.#lockSeen.sinceMs > lockMsMax;
    if (!isOwn && !isOld) return transportClock.sleep(lockPauseMs, this.#closing.signal);
    await channel.ask(methods.txn, {
      compare: [isAtRevision(layout.lock, lock.modRevision)],
      success: [deleteOp(layout.lock)],
      failure: [],
    });
  }

  /** Gives it back. What fails here is found by whoever meets the lock next. */
  async #unlock(revision: number): Promise<void> {
    const { channel, layout } = this.#options;
    const compare = [isAtRevision(layout.lock, revision)];
    await channel.ask(methods.txn, { compare, success: [deleteOp(layout.lock)], failure: [] }).catch(() => undefined);
  }

  // --- giving up ---------------------------------------------------------------------------------------------------

  #failAll(error: AppError): void {
    for (const waiting of this.#queue.remove(() => true)) fail(waiting, error);
  }

  #failLate(error: AppError): void {
    const nowMs = this.#monotonicMs();
    for (const waiting of this.#queue.remove(({ sinceMs }) => nowMs - sinceMs >= waitMsMax)) fail(waiting, error);
  }

  #monotonicMs(): number {
    return this.#options.transportClock.monotonicMs();
  }

  #pause(): Promise<void> {
    return this.#options.transportClock.sleep(pauseMs, this.#closing.signal);
  }
}

const noScope = Buffer.alloc(0);
/** Between two looks at the lock of another process. */
const lockPauseMs = 5;

function sizeOf(write: Write): number | undefined {
  return write.kind === 'put' ? write.value.length : undefined;
}

/** What writes come to, by what stood before; where that is not known, at the most. */
function billingOf(writes: readonly Write[], before: (index: number) => number | undefined): readonly UsageChange[] {
  const sum = new UsageChanges();
  writes.forEach((write, index) => sum.add(write.key, before(index), sizeOf(write)));
  return sum.all();
}

function rangesOf(responses: readonly { readonly responseRange?: RangeResponse }[]): readonly RangeResponse[] {
  return responses.flatMap(({ responseRange }) => responseRange ?? []);
}

function unknownOutcome(): AppError {
  return new AppError('OUTCOME_UNKNOWN', 'etcd did not say whether it was written: it may or may not stand');
}
