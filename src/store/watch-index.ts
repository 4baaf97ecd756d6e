/** Which readers a change concerns: readers with the same ranges are one group, which is matched once. */
import type { Change, KeyRange } from '../../proto/store';
import type { FeedReader } from './feed-reader';

/** What a watch asks for. */
export class WatchFilter {
  readonly points: ReadonlySet<string>;
  readonly spans: readonly { readonly start: Buffer; readonly end: Buffer }[];
  /** The same for the same ranges and options. */
  readonly id: string;
  readonly #isKeysOnly: boolean;

  constructor(ranges: readonly KeyRange[], isKeysOnly: boolean) {
    this.#isKeysOnly = isKeysOnly;
    this.points = new Set(ranges.filter((range) => range.end === undefined).map((range) => nameOf(range.start)));
    this.spans = ranges.flatMap(({ start, end }) => (end === undefined ? [] : [{ start, end }]));
    const parts = this.spans.map(({ start, end }) => [nameOf(start), nameOf(end)]);
    this.id = JSON.stringify([isKeysOnly, [...this.points], parts]);
  }

  matches(key: Buffer): boolean {
    return this.points.has(nameOf(key)) || this.spans.some((span) => isWithin(span, key));
  }

  /** The change as this watch shows it. */
  shown(change: Change): Change {
    return this.#isKeysOnly && change.value !== undefined ? { ...change, value: undefined } : change;
  }
}

/** Readers of the same ranges. */
export interface WatchGroup {
  readonly filter: WatchFilter;
  readonly readers: Set<FeedReader>;
}

interface Span {
  readonly start: Buffer;
  readonly end: Buffer;
  readonly group: WatchGroup;
}

/** Changes that concern a group. */
export interface Matched {
  readonly readers: ReadonlySet<FeedReader>;
  readonly changes: readonly Change[];
}

export class WatchIndex {
  readonly #groups = new Map<string, WatchGroup>();
  readonly #points = new Map<string, Set<WatchGroup>>();
  readonly #spans = new Set<Span>();

  groups(): IterableIterator<WatchGroup> {
    return this.#groups.values();
  }

  add(filter: WatchFilter, reader: FeedReader): void {
    const group = this.#groups.get(filter.id) ?? this.#addGroup(filter);
    group.readers.add(reader);
  }

  remove(filter: WatchFilter, reader: FeedReader): void {
    const group = this.#groups.get(filter.id);
    if (!group?.readers.delete(reader) || group.readers.size > 0) return;
    this.#groups.delete(filter.id);
    for (const point of group.filter.points) {
      const groups = this.#points.get(point);
      groups?.delete(group);
      if (groups?.size === 0) this.#points.delete(point);
    }
    for (const span of this.#spans) if (span.group === group) this.#spans.delete(span);
  }

  /** The groups that the changes concern, each with those of its own, in order. Costs a look-up and a comparison for each range a change. */
  match(changes: readonly Change[]): Iterable<Matched> {
    const found = new Map<WatchGroup, Change[]>();
    if (this.#groups.size === 0) return [];
    for (const change of changes) {
      const atPoint = this.#points.size > 0 ? this.#points.get(nameOf(change.key)) : undefined;
      if (atPoint) for (const group of atPoint) note(found, group, change);
      for (const span of this.#spans) if (isWithin(span, change.key)) note(found, span.group, change);
    }
    return [...found].map(([group, ofGroup]) => ({ readers: group.readers, changes: ofGroup }));
  }

  #addGroup(filter: WatchFilter): WatchGroup {
    const group: WatchGroup = { filter, readers: new Set() };
    this.#groups.set(filter.id, group);
    for (const point of filter.points) {
      const groups = this.#points.get(point);
      if (groups) groups.add(group);
      else this.#points.set(point, new Set([group]));
    }
    for (const span of filter.spans) this.#spans.add({ ...span, group });
    return group;
  }
}

/** Ranges of one watch may overlap; it is given a change once all the same. */
function note(found: Map<WatchGroup, Change[]>, group: WatchGroup, change: Change): void {
  const changes = found.get(group);
  const shown = group.filter.shown(change);
  if (!changes) found.set(group, [shown]);
  else if (!isSame(changes.at(-1)!, shown)) changes.push(shown);
}

/** An expiry and the put that follows it may be of one key and revision: the kind tells them apart. */
function isSame(a: Change, b: Change): boolean {
  return a === b || (a.revision === b.revision && a.kind === b.kind && a.key === b.key);
}

function isWithin({ start, end }: { readonly start: Buffer; readonly end: Buffer }, key: Buffer): boolean {
  return key.compare(start) >= 0 && key.compare(end) < 0;
}

/** A key as a string that is the same only for the same bytes. */
function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
