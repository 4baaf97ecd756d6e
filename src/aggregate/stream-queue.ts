/**
 * Commands of one stream, one after the other in this process, so that they never conflict with each other. What one of them leaves
 * behind is handed to the next, for as long as one waits.
 */
import { AppError } from '../core/errors';

interface Line<Kept> {
  waiting: number;
  tail: Promise<unknown>;
  kept: Kept | undefined;
}

export interface StreamQueueLimits {
  readonly ofStreamMax: number;
  readonly allMax: number;
}

/** Whatever is kept for the next; undefined: nothing. */
export interface Turn<Result, Kept> {
  readonly result: Result;
  readonly kept: Kept | undefined;
}

export class StreamQueue<Kept> {
  readonly #limits: StreamQueueLimits;
  readonly #lines = new Map<string, Line<Kept>>();
  #waiting = 0;

  constructor(limits: StreamQueueLimits) {
    this.#limits = limits;
  }

  /** Runs the task in its turn. Rejects with OVERLOADED, before anything is done, where too many wait. */
  async run<Result>(streamId: string, task: (kept: Kept | undefined) => Promise<Turn<Result, Kept>>): Promise<Result> {
    const line = this.#lines.get(streamId) ?? { waiting: 0, tail: Promise.resolve(), kept: undefined };
    const { ofStreamMax, allMax } = this.#limits;
    if (line.waiting >= ofStreamMax || this.#waiting >= allMax)
      throw new AppError('OVERLOADED', `${line.waiting} commands wait for this aggregate, ${this.#waiting} for all`);
    this.#lines.set(streamId, line);
    line.waiting += 1;
    this.#waiting += 1;
    const turn = line.tail.then(() => this.#turn(line, task));
    line.tail = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      line.waiting -= 1;
      this.#waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(streamId);
    }
  }

  async #turn<Result>(
    line: Line<Kept>,
    task: (kept: Kept | undefined) => Promise<Turn<Result, Kept>>,
  ): Promise<Result> {
    const { kept } = line;
    line.kept = undefined;
    const { result, kept: next } = await task(kept);
    line.kept = next;
    return result;
  }
}
