/**
 * Many indexes by their numbers, and the work that goes on in them between questions: in steps of a few milliseconds, so that a
 * question never waits long.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState } from './indexes';
import {
  describeGraph,
  freshGraphFile,
  graphFormat,
  readSnapshot,
  removeSnapshot,
  writeMembers,
} from './snapshot-file';
import type { SnapshotHead, SnapshotPlace } from './snapshot-file';
import { VectorIndex } from './vector-index';

/** One step of the work in between. */
const stepMs = 4;

export class IndexHost {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #indexes = new Map<number, VectorIndex>();
  #isWorking = false;
  #isStopped = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** With what the snapshot holds, where there is one that can be believed. */
  async open(index: number, settings: IndexSettings, place: SnapshotPlace | undefined): Promise<IndexState> {
    const opened = (place && (await restored(settings, place))) ?? new VectorIndex(settings);
    if (!this.#isStopped) this.#indexes.set(index, opened);
    return opened.state;
  }

  compare(index: number, ids: readonly string[], revisions: readonly number[]): number[] {
    return this.#find(index).compare(ids, revisions);
  }

  forgetOthers(index: number): IndexState {
    const found = this.#find(index);
    found.forgetOthers();
    return found.state;
  }

  /** Writes the graph and takes the members down in one go; reading the graph back for its hash goes on beside other calls. */
  async save(index: number, place: SnapshotPlace): Promise<void> {
    const found = this.#find(index);
    // Before anything is taken down: others have their turn while it waits.
    const file = await freshGraphFile(place);
    const snapshot = found.snapshot();
    if (!snapshot) return removeSnapshot(place);
    const { settings, lengthMax } = found;
    const { places } = snapshot.graph;
    try {
      snapshot.graph.save(join(place.directory, file));
      const graph = await describeGraph(place.directory, file, places);
      const { members, flat } = snapshot;
      const { dimensions, distance, isExact } = settings;
      const { storeId, rows } = place;
      const head: SnapshotHead = {
        format: 1,
        graphFormat,
        storeId,
        rows,
        settings: { dimensions, distance, isExact },
        graph,
        membersBytes: members.length,
        lengthMax,
      };
      await writeMembers(place, { head, members, flat });
      await removeSnapshot(place, graph);
    } catch (error) {
      // The one before may still be whole; half of one is of no use, and the disk may be full.
      await rm(join(place.directory, file), { force: true });
      throw error;
    }
  }

  apply(index: number, changes: IndexChanges): IndexState {
    const found = this.#find(index);
    found.apply(changes);
    this.#work();
    return found.state;
  }

  search(index: number, query: IndexQuery): Candidates {
    return this.#find(index).search(query);
  }

  close(index: number): void {
    this.#indexes.delete(index);
  }

  stop(): void {
    this.#isStopped = true;
    this.#indexes.clear();
  }

  /** Goes on, a step a turn of the event loop, until nothing is left to do. */
  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    setImmediate(() => {
      this.#isWorking = false;
      if (!this.#isStopped && this.#step()) this.#work();
    });
  }

  #step(): boolean {
    const endMs = this.#clock.monotonicMs() + stepMs;
    const isOver = (): boolean => this.#clock.monotonicMs() >= endMs;
    for (const index of this.#indexes.values()) if (index.move(isOver)) return true;
    return false;
  }

  #find(index: number): VectorIndex {
    const found = this.#indexes.get(index);
    if (!found) throw new AppError('INTERNAL', `there is no vector index of the number ${index}`);
    return found;
  }
}

async function restored(settings: IndexSettings, place: SnapshotPlace): Promise<VectorIndex | undefined> {
  const snapshot = await readSnapshot(place, settings);
  if (!snapshot) return undefined;
  const { graph } = snapshot.head;
  try {
    const index = new VectorIndex(settings);
    index.restore(snapshot, graph && join(place.directory, graph.file));
    return index;
  } catch {
    // Whole, and yet not what it should be: the rows are.
    return undefined;
  }
}
