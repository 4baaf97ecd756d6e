/**
 * Equal subscriptions that stand at the same place: one source, and each payload written to all of them. A source is pulled only
 * when the last payload has been written. A member whose connection is full leaves, so that it delays nobody: it holds no source
 * then, and goes on behind the last place it was given when its connection takes more. An audience of one waits for a moment first,
 * which is cheaper where the connection is only a little slower than the source. Where a field cannot be gone on with, every
 * audience is of one, and waits as long as it takes.
 */
import type { CancelTimer, Clock } from '../core/clock';
import type { Delivery } from './delivery';
import type { Outlet } from './outlet';
import type { Resumption, Standing } from './resumable';

/** A subscription, as its audience sees it. */
export interface Member {
  /** Behind what it was given last, and in which life of what it follows. */
  place: Standing | undefined;
  life: number | undefined;
  /** Whether it was told that history is done. */
  isCaughtUp: boolean;
  audience: Audience | undefined;
  readonly outlet: Pick<Outlet, 'isFull' | 'whenDrained'>;
  deliver(delivery: Delivery): void;
}

export interface AudienceHooks {
  readonly clock: Clock;
  /** The payload for these members: executed once for all audiences that are equal. */
  prepare(payload: unknown, member: Member): Promise<Delivery>;
  /** Told how many were given it. */
  delivered(count: number): void;
  /** Another audience that stands where this one does, and could take its members; else this one is known to stand there. */
  meet(audience: Audience): Audience | undefined;
  /** It stands nowhere any more where others could join. */
  leave(audience: Audience): void;
  /** The member is to go on from its place when its connection takes more. */
  suspend(member: Member): void;
  /** The source has completed, or failed with `error`. */
  ended(member: Member, error?: unknown): void;
}

/** Members that are written to before others have their turn. */
const sliceMembers = 512;
/** How long a source stays open for a connection that is full. */
const patienceMs = 1_000;

export class Audience {
  readonly #source: AsyncIterator<unknown>;
  readonly #resumption: Resumption | undefined;
  readonly #hooks: AudienceHooks;
  readonly members = new Set<Member>();
  /** Behind the payload that was delivered last. */
  place: Standing | undefined;
  #isLive: boolean;
  #isOver = false;
  /** Ends the wait for the source. Not a promise to race with: each race would stay in its memory until the end. */
  #stopWaiting: () => void = () => undefined;

  constructor(source: AsyncIterator<unknown>, first: Member, resumption: Resumption | undefined, hooks: AudienceHooks) {
    this.#source = source;
    this.#resumption = resumption;
    this.#hooks = hooks;
    this.#isLive = resumption !== undefined && resumption.isCaughtUp === undefined;
    this.add(first);
  }

  add(member: Member): void {
    this.members.add(member);
    member.audience = this;
  }

  /** Without members it is over. */
  remove(member: Member): void {
    this.members.delete(member);
    member.audience = undefined;
    if (this.members.size === 0) this.#close();
  }

  /** Runs until its source ends or it has no members. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const step = await this.#next();
        if (this.#isOver || !step) return;
        if (step.done === true) return this.#finish();
        if (this.#isNews(step.value)) await this.#deliver(await this.#prepare(step.value));
        this.#letFullGo();
        if (this.#isOver || this.#joinOther() || !(await this.#canGoOn())) return;
      }
    } catch (error) {
      this.#finish(error);
    }
  }

  /** A source that is a generator cannot be returned while it waits; the members need not wait for it. */
  #next(): Promise<IteratorResult<unknown> | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(undefined);
      this.#source.next().then(resolve, reject);
    });
  }

  /** Whether the payload is to be delivered. Whoever goes on after a pause has been told already that history is done. */
  #isNews(payload: unknown): boolean {
    if (!this.#resumption?.isCaughtUp?.(payload as Record<string, unknown>)) return true;
    this.#isLive = true;
    const [member] = this.members;
    const isNews = member !== undefined && !member.isCaughtUp;
    for (const each of this.members) each.isCaughtUp = true;
    return isNews;
  }

  async #prepare(payload: unknown): Promise<Delivery | undefined> {
    const [member] = this.members;
    return member && this.#hooks.prepare(payload, member);
  }

  /** To every member, those among them that join meanwhile. */
  async #deliver(delivery: Delivery | undefined): Promise<void> {
    if (!delivery || this.#isOver) return;
    let count = 0;
    for (const member of this.members) {
      member.deliver(delivery);
      member.place = delivery.place ?? member.place;
      member.life = delivery.life ?? member.life;
      count += 1;
      if (count % sliceMembers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#hooks.delivered(count);
    this.place = delivery.place ?? this.place;
  }

  /** Whether its members go on in another audience. */
  #joinOther(): boolean {
    if (!this.#isLive || this.place === undefined) return false;
    const other = this.#hooks.meet(this);
    if (!other) return false;
    for (const member of [...this.members]) {
      this.members.delete(member);
      other.add(member);
    }
    this.#close();
    return true;
  }

  /** Of several nobody is waited for, whatever their connection is full of: it may be what another subscription was given. */
  #letFullGo(): void {
    for (const member of this.members) {
      if (this.members.size === 1) return;
      if (!member.outlet.isFull) continue;
      this.remove(member);
      this.#hooks.suspend(member);
    }
  }

  /** Waits while its only member is full. False: that took too long, and the member goes on by itself. */
  async #canGoOn(): Promise<boolean> {
    const [only] = this.members;
    if (!only?.outlet.isFull) return true;
    this.#hooks.leave(this);
    const isSuspendable = this.#resumption !== undefined && only.place !== undefined;
    const isDrained = await this.#drained(only, isSuspendable ? patienceMs : undefined);
    if (this.#isOver) return false;
    if (isDrained) return true;
    this.remove(only);
    this.#hooks.suspend(only);
    return false;
  }

  #drained({ outlet }: Member, withinMs: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      let cancel: CancelTimer = () => undefined;
      if (withinMs !== undefined) cancel = this.#hooks.clock.after(withinMs, () => resolve(false));
      outlet.whenDrained(() => {
        cancel();
        resolve(true);
      });
    });
  }

  #finish(error?: unknown): void {
    const members = [...this.members];
    this.#close();
    for (const member of members) {
      this.members.delete(member);
      member.audience = undefined;
      this.#hooks.ended(member, error);
    }
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hooks.leave(this);
    this.#stopWaiting();
    // Its end is nobody's business any more, a failure on the way there included.
    void Promise.resolve(this.#source.return?.()).catch(() => undefined);
  }
}
