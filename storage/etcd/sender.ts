/**
 * How those that travel together are sent: as members of one batch, alone, under the lock, or, where none of them writes, as a read.
 * Throws where nothing of them was written and they have no outcome.
 */
import type { Conclusions } from './conclusions';
import type { Batch, Delivery } from './delivery';
import { deleteOp, isAtRevision } from './messages';
import type { RangeResponse } from './messages';
import { aloneForm, grouped, guardsOfBatch, nested, spreadWrites, ungrouped, witnessed } from './plan';
import type { WaitingTransaction } from './write-queue';
import type { WriteLock } from './write-lock';
import { rangesOf } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

export interface SenderOptions {
  readonly writer: WriterOptions;
  readonly delivery: Delivery;
  readonly conclusions: Conclusions;
  readonly lock: WriteLock;
  readonly putBack: (members: readonly Member[]) => void;
}

export class Sender {
  readonly #writer: WriterOptions;
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#writer = options.writer;
  }

  async send(members: readonly Member[], nowMs: number): Promise<void> {
    if (members.every(({ plan }) => plan.writes.length === 0)) return this.#readOnly(members, nowMs);
    const [first] = members;
    if (members.length > 1) return this.#sendBatch(members, nowMs);
    if (aloneForm(first!.plan) === 'whole') return this.#sendAlone(first!, nowMs);
    return this.#sendLocked(first!, nowMs);
  }

  /** None of them writes: what they need is read. */
  async #readOnly(members: readonly Member[], nowMs: number): Promise<void> {
    const requests = members.map(({ plan }) => plan.reads.map(({ requestRange }) => requestRange!));
    const { responses, revision } = await this.#writer.reader.raw(requests.flat());
    let at = 0;
    members.forEach((member, index) => {
      const own = responses.slice(at, (at += requests[index]!.length));
      this.#options.conclusions.refused(member, { responses: own, revision }, nowMs);
    });
  }

  async #sendBatch(given: readonly Member[], nowMs: number): Promise<void> {
    const { delivery, conclusions } = this.#options;
    const batch = delivery.next(nowMs);
    const members = given.map((member, index) => this.#withWitness(member, batch, index));
    const fate = await delivery.deliver(members, batch, (put) => ({
      compare: delivery.guards(batch),
      success: [put, ...grouped(members.map(({ plan }) => nested(plan)))],
      failure: delivery.guardReads(batch),
    }));
    if (fate.kind === 'applied') return conclusions.learnFates(members, fate.revision, nowMs);
    if (fate.kind !== 'answered') return conclusions.unwritten(members, fate);
    const { header, succeeded, responses } = fate.response;
    if (!succeeded) return this.#onGuards(members, rangesOf(responses));
    const revision = header!.revision;
    const outer = responses.slice(1).map(({ responseTxn }) => responseTxn!);
    const answers = ungrouped(outer, members.length);
    const isApplied = answers.map((each) => each.succeeded);
    conclusions.written(members, isApplied, revision, nowMs);
    members.forEach((member, index) => {
      if (isApplied[index]) return;
      conclusions.refused(member, { responses: rangesOf(answers[index]!.responses), revision }, nowMs);
    });
  }

  /** A transaction that goes alone: where its checks fail nothing is written, the batch row neither. */
  async #sendAlone(given: Member, nowMs: number): Promise<void> {
    const { delivery, conclusions } = this.#options;
    const batch = delivery.next(nowMs);
    const member = this.#withWitness(given, batch, 0);
    const compare = [...delivery.guards(batch), ...given.plan.compare];
    const fate = await delivery.deliver([member], batch, (put) => ({
      compare,
      success: spreadWrites([put, ...member.plan.writes], compare.length),
      failure: [...delivery.guardReads(batch), ...given.plan.reads],
    }));
    if (fate.kind === 'applied') return conclusions.written([member], [true], fate.revision, nowMs);
    if (fate.kind !== 'answered') return conclusions.unwritten([member], fate);
    const { header, succeeded, responses } = fate.response;
    const revision = header!.revision;
    if (succeeded) return conclusions.written([member], [true], revision, nowMs);
    const ranges = rangesOf(responses);
    if (!delivery.areGuardsMet(ranges)) return this.#onGuards([member], ranges);
    conclusions.refused(member, { responses: ranges.slice(guardsOfBatch), revision }, nowMs);
  }

  /**
   * A transaction with more compares than one path of etcd's transactions holds: while the lock stands nobody else writes, so
   * that what is read then is still true when it is written. Costs three trips.
   */
  async #sendLocked({ waiting, plan }: Member, nowMs: number): Promise<void> {
    const { delivery, conclusions, lock } = this.#options;
    const { layout, reader } = this.#writer;
    const lockRevision = await lock.take();
    const standing = await reader.raw(plan.reads.map(({ requestRange }) => requestRange!));
    const { outcome } = conclusions.judge(waiting as WaitingTransaction, standing, nowMs);
    if (outcome.kind !== 'committed') {
      conclusions.refused({ waiting, plan }, standing, nowMs);
      return lock.giveBack(lockRevision);
    }
    const batch = delivery.next(nowMs);
    const member = { waiting, plan: witnessed(plan, layout.witness(batch.key, 0)) };
    const [absent, since, , basesKnown] = delivery.guards(batch);
    const fate = await delivery.deliver([member], batch, (put) => ({
      compare: [absent!, since!, isAtRevision(layout.lock, lockRevision), basesKnown!],
      success: spreadWrites([put, deleteOp(layout.lock), ...member.plan.writes], guardsOfBatch),
      failure: delivery.guardReads(batch),
    }));
    if (fate.kind === 'applied') return conclusions.written([member], [true], fate.revision, nowMs);
    if (fate.kind === 'answered') {
      const { header, succeeded, responses } = fate.response;
      if (!succeeded) return this.#onGuards([member], rangesOf(responses));
      return conclusions.written([member], [true], header!.revision, nowMs);
    }
    await lock.giveBack(lockRevision);
    conclusions.unwritten([member], fate);
  }

  /** What is our own may be tried again: whether it was applied need not be told apart. */
  #withWitness({ waiting, plan }: Member, batch: Batch, index: number): Member {
    if (waiting.kind === 'plan') return { waiting, plan };
    return { waiting, plan: witnessed(plan, this.#writer.layout.witness(batch.key, index)) };
  }

  /** A guard of the whole did not hold: nothing of it was written. */
  async #onGuards(members: readonly Member[], ranges: readonly RangeResponse[]): Promise<void> {
    const [, process, lock, bases] = ranges;
    const { registration } = this.#writer;
    this.#writer.bases.note(bases!.kvs[0], 0);
    if (process!.kvs[0]?.createRevision !== registration.createRevision()) await registration.renew();
    else if (lock!.kvs[0]) await this.#options.lock.waitFor(lock!.kvs[0]);
    this.#options.putBack(members);
  }
}
