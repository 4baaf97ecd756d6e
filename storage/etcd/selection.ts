/**
 * What is taken from the queue into the next physical transaction: what has to be known to judge it is looked up, what needs no trip is
 * answered, what would pass a quota or the marks of its scope is judged together with what is on its way already.
 */
import type { CommitOutcome, Transaction, Write } from '../../proto/store';
import { noUsage } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import { isExpired } from '../judge';
import { UsageChanges, quotaFault } from '../usage';
import type { UsageChange } from '../usage';
import type { Harmony } from './harmony';
import { rowHead, toEntry } from './layout';
import { isAbsent } from './messages';
import type { Plan, PlanContext } from './plan';
import { aloneForm, nameOf, noScope, planTransaction, readsOf } from './plan';
import { shapeOf } from './sections';
import { lostRevision } from './traces';
import type { Passage, Verdict, Waiting, WaitingTransaction, WriteQueue } from './write-queue';
import { generationsAt, unknownOutcome } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

/** What is on its way, of which the outcome is open. */
export interface Flight {
  readonly members: readonly Member[];
  readonly passage: Passage;
  /** Nothing else may be on its way meanwhile. */
  readonly isExclusive: boolean;
}

/** What the flights, and those taken before in the same batch, may come to. */
interface Reserved {
  readonly marks: Map<string, number>;
  readonly usage: UsageChanges;
}

type Refusal = Extract<Verdict<never>, { readonly kind: 'done' | 'wait' }>;
const wait: Refusal = { kind: 'wait' };
const done: Refusal = { kind: 'done' };

export class Selection {
  readonly #options: WriterOptions;
  readonly #queue: WriteQueue;
  readonly #harmony: Harmony;

  constructor(options: WriterOptions, queue: WriteQueue, harmony: Harmony) {
    this.#options = options;
    this.#queue = queue;
    this.#harmony = harmony;
  }

  /** Looks up what is needed to judge what may be taken next and is not known. */
  async learn(flights: readonly Flight[]): Promise<void> {
    const { known, reader, marks, layout, time, markKeepMs } = this.#options;
    const scopes = new Map<string, Buffer>();
    const unknown: Buffer[] = [];
    const learning: WaitingTransaction[] = [];
    for (const waiting of this.#queue.front()) {
      if (waiting.kind === 'plan' || waiting.isLearnt) continue;
      // What it meets may change what is to be known of it.
      if (flights.some(({ passage }) => passage.footprints.meets(waiting.footprint))) continue;
      learning.push(waiting);
      const { checks, marks: own, scope = noScope } = waiting.transaction;
      if (own && own.length > 0) scopes.set(nameOf(scope), scope);
      for (const [index, { key, revision }] of checks.entries())
        if (revision > 0 && known.expiryOf(waiting.names.checks[index]!, revision) === undefined) unknown.push(key);
    }
    for (const waiting of learning) if (waiting.transaction.quota) await this.#learnBilling(waiting);
    if (scopes.size > 0) await marks.learn([...scopes.values()], generationsAt(time.nowMs(), markKeepMs)[0]!);
    if (unknown.length > 0) {
      const { responses } = await reader.raw(unknown.map((key) => ({ key: layout.row(key) })));
      // A row that is not at the revision of its check makes a conflict, whenever it expires.
      responses.forEach(({ kvs }, index) => kvs[0] && known.note(toEntry(unknown[index]!, kvs[0])));
    }
    for (const waiting of learning) waiting.isLearnt = true;
  }

  /** Takes what travels together, and answers what needs no trip. */
  take(
    nowMs: number,
    flights: readonly Flight[],
    membersMax: number,
  ): { readonly taken: readonly Member[]; readonly passage: Passage } {
    const context = this.#contextAt(nowMs);
    const { mayShare } = this.#harmony;
    const reserved = reservedBy(flights);
    // One that must go without company keeps those behind it from passing it for ever.
    let isHalted = false;
    const judge = (waiting: Waiting): Verdict<Member> => {
      if (isHalted) return wait;
      const plan = waiting.kind === 'plan' ? waiting.plan : this.#judge(waiting, context, reserved);
      if ('kind' in plan) return plan;
      if (flights.length > 0 && isExclusive(plan)) {
        isHalted = true;
        return wait;
      }
      const isApart = !mayShare || waiting.kind === 'plan' || waiting.isApart;
      return { kind: 'join', shape: shapeOf(plan, isApart), taken: { waiting, plan, isApart } };
    };
    return this.#queue.take(judge, { passages: flights.map(({ passage }) => passage), membersMax });
  }

  /** How it is to be sent, or why not now. */
  #judge(waiting: WaitingTransaction, context: PlanContext, reserved: Reserved): Plan | Refusal {
    if (waiting.isSettled) return done;
    if (!waiting.isLearnt) return wait;
    const { transaction } = waiting;
    const past = transaction.attemptId && this.#options.attempts.find(transaction.attemptId);
    if (past) {
      const isLost = past.revision === lostRevision;
      waiting.settle(
        (isLost ? { kind: 'failed', error: unknownOutcome() } : { kind: 'committed', ...past }) satisfies CommitOutcome,
      );
      return done;
    }
    const marks = transaction.marks?.length ?? 0;
    const { scope = noScope } = transaction;
    const others = marks > 0 ? (reserved.marks.get(nameOf(scope)) ?? 0) : 0;
    const isFull = this.#isFull(transaction, 0);
    // It may be that those before it make none after all.
    if (!isFull && this.#isFull(transaction, others)) return wait;
    const quota = this.#judgeQuota(waiting, reserved.usage);
    if (quota === 'later') return wait;
    if (quota === 'fits') reserveUsage(reserved, waiting);
    if (marks > 0) reserved.marks.set(nameOf(scope), others + marks);
    const planned = planTransaction(transaction, context, waiting.expired);
    const isRefused = isFull || quota === 'passes' || this.#isOver(waiting, context.nowMs);
    if (!isRefused) return planned;
    // It is sent to learn what stands.
    waiting.isApart = true;
    return { ...planned, ...this.#never(), reads: readsOf(planned), writes: [], witness: undefined, dues: [] };
  }

  /** What a transaction with a quota comes to: at the most, or where that would pass it, exactly. */
  async #learnBilling(waiting: WaitingTransaction): Promise<void> {
    const { quotas, reader, layout } = this.#options;
    const { writes, scope, quota } = waiting.transaction;
    if (!quota || !scope) return;
    await quotas.learn(scope);
    if (!waiting.billing) {
      waiting.billing = { changes: billingOf(writes, () => undefined), isExact: false };
      return;
    }
    const { responses } = await reader.raw(writes.map(({ key }) => ({ key: layout.row(key) })));
    const sizes = responses.map(({ kvs }) => (kvs[0] ? rowHead(kvs[0]).valueBytes : undefined));
    waiting.billing = { changes: billingOf(writes, (index) => sizes[index]), isExact: true };
  }

  /** Whether a transaction passes its quota: 'later' where that is not known, or may change with those before it. */
  #judgeQuota(waiting: WaitingTransaction, reserved: UsageChanges): 'fits' | 'passes' | 'later' {
    const { transaction, billing } = waiting;
    if (!billing) return 'fits';
    const usageOf = (account: Buffer): Usage => this.#options.quotas.of(account);
    const ofOthers = new Map(reserved.all().map((each) => [nameOf(each.account), each]));
    const withOthers = (account: Buffer): Usage => {
      const used = usageOf(account);
      const more = ofOthers.get(nameOf(account)) ?? noUsage;
      return { keys: used.keys + more.keys, bytes: used.bytes + more.bytes };
    };
    const fault = quotaFault(transaction, billing.changes, usageOf);
    if (!fault) return quotaFault(transaction, billing.changes, withOthers) ? 'later' : 'fits';
    if (!billing.isExact) {
      waiting.isLearnt = false;
      return 'later';
    }
    waiting.refusal = fault;
    return 'passes';
  }

  /** Whether it relies on something that is over by now: it then only learns what stands. */
  #isOver({ transaction, names }: WaitingTransaction, nowMs: number): boolean {
    const { checks, validUntilMs } = transaction;
    if (validUntilMs !== undefined && validUntilMs <= nowMs) return true;
    return checks.some(({ revision }, index) => {
      const expiresAtMs = revision > 0 ? this.#options.known.expiryOf(names.checks[index]!, revision) : undefined;
      return expiresAtMs !== undefined && isExpired({ expiresAtMs }, nowMs);
    });
  }

  #isFull({ marks = [], scope = noScope }: Transaction, others: number): boolean {
    if (marks.length === 0) return false;
    return this.#options.marks.of(scope) + others + marks.length > this.#options.marksPerScopeMax;
  }

  /** Compares that never hold, so that only the reads are done. */
  #never(): Pick<Plan, 'compare'> {
    return { compare: [isAbsent(this.#options.layout.meta)] };
  }

  #contextAt(nowMs: number): PlanContext {
    const { layout, known, markKeepMs } = this.#options;
    const generations = generationsAt(nowMs, markKeepMs);
    return { layout, nowMs, generations, hasDue: (key, expiresAtMs) => known.hasDue(key, expiresAtMs, nowMs) };
  }
}

/** Whether it can only be sent while nothing else is on its way. */
export function isExclusive(plan: Plan): boolean {
  return plan.writes.length > 0 && aloneForm(plan) === 'locked';
}

function reservedBy(flights: readonly Flight[]): Reserved {
  const reserved: Reserved = { marks: new Map(), usage: new UsageChanges() };
  for (const { members } of flights) {
    for (const { waiting } of members) {
      if (waiting.kind === 'plan') continue;
      reserveUsage(reserved, waiting);
      const { marks, scope = noScope } = waiting.transaction;
      if (!marks || marks.length === 0) continue;
      reserved.marks.set(nameOf(scope), (reserved.marks.get(nameOf(scope)) ?? 0) + marks.length);
    }
  }
  return reserved;
}

function reserveUsage({ usage }: Reserved, { transaction, billing, refusal }: WaitingTransaction): void {
  if (!billing || refusal) return;
  for (const write of transaction.writes) usage.add(write.key, undefined, sizeOf(write));
}

function sizeOf(write: Write): number | undefined {
  return write.kind === 'put' ? write.value.length : undefined;
}

/** What writes come to, by what stood before; where that is not known, at the most. */
function billingOf(writes: readonly Write[], before: (index: number) => number | undefined): readonly UsageChange[] {
  const sum = new UsageChanges();
  writes.forEach((write, index) => sum.add(write.key, before(index), sizeOf(write)));
  return sum.all();
}
