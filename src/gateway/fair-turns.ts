/**
 * Turns of tenants: a tenant that floods waits for itself, not the others for it. While a tenant is the only one, everything it
 * sends runs at once. When several have sent something lately, each may have so many operations under way as is its share; what comes
 * beyond waits, in order, in the tenant's own line. A share is small, since all that runs at once is in the way of whoever comes
 * next: it is what one group commit and one turn of the event loop are made of.
 */
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import { Fifo } from '../core/fifo';

export interface FairTurnsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Operations under way of all tenants together, while there are several. */
  readonly atOnce: number;
  /** Operations of one tenant that wait; past it OVERLOADED. */
  readonly waitingMax: number;
}

interface Line {
  running: number;
  seenMs: number;
  readonly waiting: Fifo<() => void>;
}

/** A tenant that has sent nothing for so long counts no more. */
const activeMs = 1_000;

export class FairTurns {
  readonly #options: FairTurnsOptions;
  readonly #lines = new Map<string, Line>();
  #lookedMs = 0;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
  }

  /** Undefined: it may run at once. Else resolves when it may, or rejects with OVERLOADED. Whoever may run must `leave`. */
  enter(tenantId: string): Promise<void> | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    let line = this.#lines.get(tenantId);
    if (!line) this.#lines.set(tenantId, (line = { running: 0, seenMs: nowMs, waiting: new Fifo() }));
    line.seenMs = nowMs;
    if (this.#lines.size > 1) this.#forgetIdle(nowMs);
    if (line.waiting.length === 0 && line.running < this.#share()) {
      line.running += 1;
      return undefined;
    }
    return this.#wait(line);
  }

  /** An operation that had entered is done. */
  leave(tenantId: string): void {
    const line = this.#lines.get(tenantId)!;
    line.running -= 1;
    const share = this.#share();
    while (line.running < share && line.waiting.length > 0) {
      line.running += 1;
      line.waiting.shift()!();
    }
  }

  #wait(line: Line): Promise<void> {
    const { waitingMax } = this.#options;
    if (line.waiting.length >= waitingMax) {
      const message = `${waitingMax} operations of the tenant wait already: try again later`;
      return Promise.reject(new AppError('OVERLOADED', message));
    }
    return new Promise((resolve) => line.waiting.push(resolve));
  }

  #share(): number {
    const tenants = this.#lines.size;
    return tenants === 1 ? Infinity : Math.max(1, Math.floor(this.#options.atOnce / tenants));
  }

  /** Looks now and then. */
  #forgetIdle(nowMs: number): void {
    if (nowMs - this.#lookedMs < activeMs / 4) return;
    this.#lookedMs = nowMs;
    for (const [tenantId, { running, seenMs, waiting }] of this.#lines)
      if (running === 0 && waiting.length === 0 && nowMs - seenMs > activeMs) this.#lines.delete(tenantId);
  }
}
