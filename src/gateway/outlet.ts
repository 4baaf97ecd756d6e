/**
 * What stands between subscriptions and a connection, so that whoever reads slowly fills no memory: past a bound it is full, and
 * nothing more is to be written until what waits has gone out. One that takes nothing at all for too long is stalled, which is told once.
 */
import type { Writable } from 'node:stream';
import type { CancelTimer, Clock } from '../core/clock';

export interface OutletOptions {
  readonly clock: Clock;
  /** How long it may take nothing while something waits. */
  readonly stalledMs: number;
  readonly onStalled: () => void;
}

/** What may wait for one connection before it is full; the message that passes it is still taken. */
const bufferedBytesMax = 65_536;

export type OutletTarget = Pick<Writable, 'writableLength' | 'on'>;

export class Outlet {
  readonly #target: OutletTarget;
  readonly #options: OutletOptions;
  #actions: (() => void)[] = [];
  #cancel: CancelTimer | undefined;
  #isClosed = false;

  constructor(target: OutletTarget, options: OutletOptions) {
    this.#target = target;
    this.#options = options;
    target.on('drain', () => this.#release());
    target.on('close', () => {
      this.#isClosed = true;
      this.#release();
    });
  }

  get isFull(): boolean {
    return !this.#isClosed && this.#target.writableLength >= bufferedBytesMax;
  }

  /** Whether anything waits to go out. */
  get isWaiting(): boolean {
    return !this.#isClosed && this.#target.writableLength > 0;
  }

  /** Calls the action once, when everything that waits has gone out, or never will; at once where it is not full. */
  whenDrained(action: () => void): void {
    if (!this.isFull) return action();
    this.#actions.push(action);
    if (!this.#cancel) this.#watch(unsentBytes(this.#target));
  }

  #release(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const actions = this.#actions;
    this.#actions = [];
    for (const action of actions) action();
  }

  #watch(before: number): void {
    const { clock, stalledMs, onStalled } = this.#options;
    this.#cancel = clock.after(stalledMs, () => {
      const now = unsentBytes(this.#target);
      if (now >= before) onStalled();
      else this.#watch(now);
    });
  }
}

/** The part of the socket that Node does not show: how much of a write that is under way the system has not taken yet. */
interface WithHandle {
  readonly socket?: unknown;
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/** Goes down with every byte that the system takes, also in the middle of a large write, which `writableLength` does not. */
function unsentBytes(target: OutletTarget): number {
  const { socket } = target as unknown as WithHandle;
  const { _handle: handle } = (socket ?? target) as WithHandle;
  return target.writableLength + (handle?.writeQueueSize ?? 0);
}
