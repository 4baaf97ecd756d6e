/**
 * One index: which ids there are, their metadata, and where their vectors lie. A vector lands in the flat part, where it is found exactly and
 * at once; once there are many, small steps move them into the graph. For COSINE vectors are kept at length 1, so that the product is
 * the measure and a vector of zeros is at distance 1 of everything by itself. Not safe to be used by two at once.
 */
import { MetricKind } from 'usearch';
import { assertInvariant } from '../../src/core/errors';
import { compileFilter, parseMetadata } from '../../src/core/metadata-filter';
import type { MetadataFilter } from '../../src/core/metadata-filter';
import { vectorFrom } from '../../src/core/vector-row';
import type { Json } from '../../src/core/json';
import { FlatSegment } from './flat-segment';
import { GraphSegment } from './graph-segment';
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState } from './indexes';
import type { SegmentHit } from './segment-hit';
import type { Snapshot } from './snapshot-file';

/** What stands for a vector, by its slot. */
interface Member {
  readonly id: string;
  readonly revision: number;
  readonly metadata: Json | undefined;
  readonly metadataBytes: number;
}

/** A member in a snapshot. */
type WrittenMember = [slot: number, id: string, revision: number, metadata: Json | undefined, metadataBytes: number];

export interface IndexSnapshot {
  readonly graph: GraphSegment;
  readonly members: Buffer;
  readonly flat: Buffer;
}

/** Members of one line of a snapshot. */
const membersOfLine = 5_000;
/** Once there is a graph, as many may stay in the flat part: those that change often never reach it. */
const flatRestMax = 256;
const flatRestMin = 64;
/** Of what a filter asks of the graph: more than its part of all vectors says. */
const extraFactor = 1.5;
/** What one search asks of the graph at most for the sake of a filter. */
const graphFetchMax = 10_000;
/** Of a search by 32-bit floats: those as near as this to the last one wanted are proposed too. */
const tolerance = 1e-5;
const memberBytes = 320;
const metadataFactor = 4;

export class VectorIndex {
  readonly settings: IndexSettings;
  readonly #metric: MetricKind;
  readonly #slotOf = new Map<string, number>();
  readonly #members: (Member | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #flat: FlatSegment;
  #graph: GraphSegment | undefined;
  #metadataBytes = 0;
  #lengthMax = 0;
  #isMoving = false;
  /** Slots that nobody has named since the index was loaded. */
  #unnamed: Set<number> | undefined;

  constructor(settings: IndexSettings) {
    this.settings = settings;
    this.#metric = settings.distance === 'euclidean' ? MetricKind.L2sq : MetricKind.IP;
    this.#flat = new FlatSegment(settings.dimensions, this.#metric);
  }

  get state(): IndexState {
    const count = this.#slotOf.size;
    const own = count * memberBytes + this.#metadataBytes * metadataFactor;
    const bytes = own + this.#flat.bytes + (this.#graph?.bytes ?? 0);
    return { count, bytes, flat: this.#flat.size, isWorn: this.#graph?.isWorn ?? false };
  }

  apply({ ids, revisions, vectors, metadata, removed }: IndexChanges): void {
    for (const id of removed) this.remove(id);
    const { dimensions } = this.settings;
    for (const [at, id] of ids.entries()) {
      const vector = vectors.subarray(at * dimensions, (at + 1) * dimensions);
      this.#put({ id, revision: revisions[at]!, metadata: metadata[at]! }, vector);
    }
  }

  remove(id: string): void {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) return;
    this.#takeOut(slot);
    this.#metadataBytes -= this.#members[slot]!.metadataBytes;
    this.#members[slot] = undefined;
    this.#slotOf.delete(id);
    this.#unnamed?.delete(slot);
    this.#free.push(slot);
  }

  /** The places of those that are not here as of their revision. */
  compare(ids: readonly string[], revisions: readonly number[]): number[] {
    const stale: number[] = [];
    for (const [at, id] of ids.entries()) {
      const slot = this.#slotOf.get(id);
      if (slot !== undefined) this.#unnamed?.delete(slot);
      if (slot === undefined || this.#members[slot]!.revision !== revisions[at]) stale.push(at);
    }
    return stale;
  }

  forgetOthers(): void {
    for (const slot of this.#unnamed ?? []) this.remove(this.#members[slot]!.id);
    this.#unnamed = undefined;
  }

  /** What a snapshot needs beside the graph, as it is now; undefined where reading the rows anew is as quick. */
  snapshot(): IndexSnapshot | undefined {
    if (!this.#graph || this.#slotOf.size === 0) return undefined;
    const flatSlots = this.#flat.slots();
    const lines: string[] = [];
    const ofGraph = this.#members.flatMap((member, slot) => (member && !this.#flat.has(slot) ? [slot] : []));
    const slots = [...flatSlots, ...ofGraph];
    for (let at = 0; at < slots.length; at += membersOfLine) {
      const part = slots.slice(at, at + membersOfLine);
      lines.push(`${JSON.stringify(part.map((slot) => this.#written(slot)))}\n`);
    }
    return {
      graph: this.#graph,
      members: Buffer.from(lines.join(''), 'utf8'),
      flat: Buffer.from(this.#flat.vectors().slice().buffer),
    };
  }

  /** Fills an empty index from its snapshot, which is whole. `graphPath`: of the graph's file. */
  restore({ head, members, flat }: Snapshot, graphPath: string | undefined): void {
    const { dimensions } = this.settings;
    const vectors = vectorFrom(flat);
    const flatCount = vectors.length / dimensions;
    let at = 0;
    for (const line of members.toString('utf8').split('\n')) {
      if (line === '') continue;
      for (const [slot, id, revision, metadata, metadataBytes] of JSON.parse(line) as WrittenMember[]) {
        this.#members[slot] = { id, revision, metadata, metadataBytes };
        this.#metadataBytes += metadataBytes;
        this.#slotOf.set(id, slot);
        if (at < flatCount) this.#flat.add(slot, vectors.subarray(at * dimensions, (at + 1) * dimensions));
        at += 1;
      }
    }
    for (let slot = 0; slot < this.#members.length; slot += 1) if (!this.#members[slot]) this.#free.push(slot);
    this.#lengthMax = head.lengthMax;
    this.#unnamed = new Set(this.#slotOf.values());
    if (!head.graph || graphPath === undefined) return;
    this.#graph = this.#newGraph();
    this.#graph.load(graphPath, head.graph.places);
    assertInvariant(
      this.#graph.size + this.#flat.size === this.#slotOf.size,
      'a snapshot has a vector for each member',
    );
  }

  /** The longest vector that there was: how far products may be off depends on it. */
  get lengthMax(): number {
    return this.#lengthMax;
  }

  /** Moves some vectors from the flat part into the graph, until `isOver` says so. Whether there is more to move. */
  move(isOver: () => boolean): boolean {
    const { isExact, graphFrom } = this.settings;
    if (isExact) return false;
    if (!this.#isMoving) {
      const most = this.#graph ? flatRestMax : graphFrom;
      if (this.#flat.size <= most) return false;
      this.#isMoving = true;
    }
    const graph = (this.#graph ??= this.#newGraph());
    do {
      if (this.#flat.size <= flatRestMin) {
        this.#isMoving = false;
        return false;
      }
      // The first one: where the flat part fills a hole with its last one, each still has its turn.
      const slot = this.#flat.slots()[0]!;
      graph.add(slot, this.#flat.vectorOf(slot).slice());
      this.#flat.remove(slot);
    } while (!isOver());
    return true;
  }

  search({ near, wanted, filter }: IndexQuery): Candidates {
    const unit = this.#measured(near);
    // A copy of its own: the library reads from the beginning of a buffer, wherever the view begins.
    const measured = unit === near ? near.slice() : unit;
    const parsed = filter === undefined ? undefined : (JSON.parse(filter) as MetadataFilter);
    if (parsed && Object.keys(parsed).length > 0) return this.#filtered(measured, wanted, parsed);
    if (wanted >= this.#slotOf.size) return this.#all();
    const flat = this.#nearFlat(measured, wanted);
    const graph = this.#graph?.search(measured, wanted) ?? [];
    // Past the last one that a part has named it may have others: those of the other part are not the next ones then.
    const edge = Math.min(edgeOf(flat, this.#flat.size), edgeOf(graph, this.#graph?.size ?? 0));
    const hits = [...flat, ...graph].filter(({ distance }) => distance <= edge).sort(byDistance);
    // A graph may miss some anyway; where there is none, all that are as near as the last one wanted are proposed.
    return this.#propose(graph.length > 0 ? hits.slice(0, wanted) : hits, false);
  }

  // --- searching ---------------------------------------------------------------------------------------------------

  #all(): Candidates {
    return { ids: [...this.#slotOf.keys()], isAll: true };
  }

  /** The nearest of the flat part, with all that are as near as the last of them. */
  #nearFlat(near: Float32Array, wanted: number): readonly SegmentHit[] {
    for (let count = wanted + 16; ; count *= 4) {
      const hits = this.#flat.search(near, count);
      const proposed = this.#withEquals(near, hits, wanted);
      if (hits.length < count || proposed.length < hits.length) return proposed;
    }
  }

  /** The first `wanted` of sorted hits, with those behind that may be as near: what is measured here is a little off. */
  #withEquals(near: Float32Array, hits: readonly SegmentHit[], wanted: number): readonly SegmentHit[] {
    const edge = hits[wanted - 1]?.distance;
    if (edge === undefined) return hits;
    const isSquared = this.#metric === MetricKind.L2sq;
    const end = edge + tolerance * (isSquared ? edge : lengthOf(near) * this.#lengthMax);
    let count = wanted;
    while (count < hits.length && hits[count]!.distance <= end) count += 1;
    return hits.slice(0, count);
  }

  #filtered(near: Float32Array, wanted: number, filter: MetadataFilter): Candidates {
    const matches = compileFilter(filter);
    const matching = new Set<number>();
    for (const [slot, member] of this.#members.entries()) if (member && matches(member.metadata)) matching.add(slot);
    const graph = this.#graph;
    // As many more as do not match, and half as many again: matches may lie further away than others.
    let fetch = Math.ceil(extraFactor * wanted * (this.#slotOf.size / Math.max(1, matching.size)));
    // To measure the row of a match costs about what it costs to find one more in the graph.
    if (matching.size <= Math.max(wanted, fetch)) return this.#proposeAll(matching);
    const flat = this.#withEquals(near, this.#measuredFlat(near, matching), wanted);
    if (!graph || graph.size === 0) return this.#propose(flat, false);
    for (; fetch <= graphFetchMax; fetch *= 4) {
      const hits = graph.search(near, fetch).filter(({ slot }) => matching.has(slot));
      if (hits.length >= wanted) return this.#propose([...flat, ...hits].sort(byDistance).slice(0, wanted), false);
      if (fetch >= graph.size) break;
    }
    return this.#proposeAll(matching);
  }

  /** Those of the flat part that are among `slots`, nearest first. */
  #measuredFlat(near: Float32Array, slots: ReadonlySet<number>): SegmentHit[] {
    const hits: SegmentHit[] = [];
    for (const slot of this.#flat.slots()) {
      if (slots.has(slot)) hits.push({ slot, distance: this.#measure(near, this.#flat.vectorOf(slot)) });
    }
    return hits.sort(byDistance);
  }

  #measure(near: Float32Array, vector: Float32Array): number {
    const isSquared = this.#metric === MetricKind.L2sq;
    let sum = 0;
    for (let at = 0; at < near.length; at += 1) {
      const other = isSquared ? near[at]! - vector[at]! : -near[at]!;
      sum += other * (isSquared ? other : vector[at]!);
    }
    return sum;
  }

  #propose(hits: readonly SegmentHit[], isAll: boolean): Candidates {
    return { ids: hits.map(({ slot }) => this.#members[slot]!.id), isAll };
  }

  #proposeAll(slots: ReadonlySet<number>): Candidates {
    return { ids: Array.from(slots, (slot) => this.#members[slot]!.id), isAll: true };
  }

  // --- members -----------------------------------------------------------------------------------------------------

  #newGraph(): GraphSegment {
    return new GraphSegment(this.settings.dimensions, this.#metric, this.settings.distance === 'cosine');
  }

  #written(slot: number): WrittenMember {
    const { id, revision, metadata, metadataBytes } = this.#members[slot]!;
    return [slot, id, revision, metadata, metadataBytes];
  }

  #put(
    { id, revision, metadata }: { readonly id: string; readonly revision: number; readonly metadata: string },
    vector: Float32Array,
  ): void {
    let slot = this.#slotOf.get(id);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#members.length;
      this.#slotOf.set(id, slot);
    } else {
      this.#takeOut(slot);
      this.#metadataBytes -= this.#members[slot]!.metadataBytes;
    }
    this.#members[slot] = { id, revision, metadata: parseMetadata(metadata), metadataBytes: metadata.length };
    this.#metadataBytes += metadata.length;
    this.#unnamed?.delete(slot);
    const measured = this.#measured(vector);
    this.#lengthMax = Math.max(this.#lengthMax, lengthOf(measured));
    this.#flat.add(slot, measured);
  }

  #takeOut(slot: number): void {
    if (this.#flat.has(slot)) this.#flat.remove(slot);
    else this.#graph?.remove(slot);
  }

  /** A vector as it is kept and compared: the same one, or one of its own. */
  #measured(vector: Float32Array): Float32Array {
    if (this.settings.distance !== 'cosine') return vector;
    const length = lengthOf(vector);
    if (length === 0) return vector;
    const unit = new Float32Array(vector.length);
    for (let at = 0; at < vector.length; at += 1) unit[at] = vector[at]! / length;
    return unit;
  }
}

function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < vector.length; at += 1) sum += vector[at]! * vector[at]!;
  return Math.sqrt(sum);
}

function byDistance(a: SegmentHit, b: SegmentHit): number {
  return a.distance - b.distance;
}

/** How far a part of an index has been searched. */
function edgeOf(hits: readonly SegmentHit[], size: number): number {
  return hits.length < size ? (hits.at(-1)?.distance ?? -Infinity) : Infinity;
}
