/**
 * How those that travel together are sent: as members of one batch, alone, under the lock, or, where none of them writes, as a read.
 * Throws where nothing of them was written and they have no outcome.
 */
import { assertInvariant } from '../../src/core/errors';
import type { Conclusions } from './conclusions';
import type { Batch, Delivery } from './delivery';
import type { Harmony } from './harmony';
import { deleteOp, getOp, isAtRevision } from './messages';
import type { RangeResponse, TxnResponse } from './messages';
import { aloneForm, guardsOfBatch, readsOf, spreadWrites, witnessed } from './plan';
import { Sections, sectionAnswers, sectionOp, shapeOf } from './sections';
import type { Section } from './sections';
import type { WaitingTransaction } from './write-queue';
import type { WriteLock } from './write-lock';
import { rangesOf } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

export interface SenderOptions {
  readonly writer: WriterOptions;
  readonly delivery: Delivery;
  readonly conclusions: Conclusions;
  readonly lock: WriteLock;
  readonly harmony: Harmony;
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
    const requests = members.map(({ plan }) => readsOf(plan).map((key) => ({ key })));
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
    const sections = this.#sectionsOf(given, batch);
    const members = sections.flatMap(({ items }) => items);
    const fate = await delivery.deliver(members, batch, (put) => ({
      compare: delivery.guards(batch),
      success: [
        put,
        ...sections.map((section) =>
          sectionOp(
            section,
            section.items.map(({ plan }) => plan),
          ),
        ),
      ],
      failure: delivery.guardReads(batch),
    }));
    if (fate.kind === 'applied') return conclusions.learnFates(members, fate.revision, nowMs);
    if (fate.kind !== 'answered') return conclusions.unwritten(members, fate);
    const { header, succeeded, responses } = fate.response;
    if (!succeeded) return this.#onGuards(members, rangesOf(responses));
    const revision = header!.revision;
    const answers = sections.map((section, index) => sectionAnswers(section, responses[index + 1]!.responseTxn!));
    this.#noteHarmony(sections, answers);
    const ofMembers = sections.flatMap<TxnResponse | undefined>(
      ({ items }, index) => answers[index] ?? items.map(() => undefined),
    );
    conclusions.written(
      members,
      ofMembers.map((answer) => answer?.succeeded === true),
      revision,
      nowMs,
    );
    members.forEach((member, index) => {
      const answer = ofMembers[index];
      if (answer && !answer.succeeded)
        conclusions.refused(member, { responses: rangesOf(answer.responses), revision }, nowMs);
    });
    this.#takeApart(members.filter((_, index) => !ofMembers[index]));
  }

  #sectionsOf(members: readonly Member[], batch: Batch): readonly Section<Member>[] {
    const sections = new Sections<Member>();
    for (const [index, given] of members.entries()) {
      const member = this.#withWitness(given, batch, index);
      assertInvariant(sections.add(member, shapeOf(member.plan, member.isApart)), 'what was taken together fits');
    }
    for (const { isShared, items } of sections.all) {
      if (!isShared) continue;
      const witness = items.find(({ plan }) => plan.witness)?.plan.witness;
      for (const member of items) member.sharedWitness = witness;
    }
    return sections.all;
  }

  #noteHarmony(sections: readonly Section<Member>[], answers: readonly (readonly TxnResponse[] | undefined)[]): void {
    const { harmony } = this.#options;
    if (answers.some((each) => !each)) harmony.broke();
    else if (sections.some(({ isShared }) => isShared)) harmony.held();
    else harmony.wentApart();
  }

  /** What shared a fate with something that was refused was not written, and goes by itself the next time. */
  #takeApart(members: readonly Member[]): void {
    for (const { waiting } of members) if (waiting.kind === 'transaction') waiting.isApart = true;
    this.#options.putBack(members);
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
      failure: [...delivery.guardReads(batch), ...readsOf(given.plan).map(getOp)],
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
  async #sendLocked({ waiting, plan }: Omit<Member, 'isApart'>, nowMs: number): Promise<void> {
    const { delivery, conclusions, lock } = this.#options;
    const { layout, reader } = this.#writer;
    const lockRevision = await lock.take();
    const standing = await reader.raw(readsOf(plan).map((key) => ({ key })));
    const { outcome } = conclusions.judge(waiting as WaitingTransaction, standing, nowMs);
    if (outcome.kind !== 'committed') {
      conclusions.refused({ waiting, plan, isApart: true }, standing, nowMs);
      return lock.giveBack(lockRevision);
    }
    const batch = delivery.next(nowMs);
    const member = { waiting, plan: witnessed(plan, layout.witness(batch.key, 0)), isApart: true };
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
  #withWitness(member: Member, batch: Batch, index: number): Member {
    if (member.waiting.kind === 'plan' || member.plan.witness || member.plan.writes.length === 0) return member;
    return { ...member, plan: witnessed(member.plan, this.#writer.layout.witness(batch.key, index)) };
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
