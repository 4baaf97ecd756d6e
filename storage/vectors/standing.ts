/** Where a search begins: whether what it rests on still holds, and how new a state it has to see. One read. */
import type { Conflict, Entry, Revision, SearchRequest, Store } from '../../proto/store';

/** Stamps of one namespace at most. */
export const stampsMax = 256;

export interface Standing {
  readonly kind: 'standing';
  /** Of the snapshot that was looked at. */
  readonly revision: Revision;
  /** Of the newest write to the namespace that a strong search has to see; 0: there never was one. */
  readonly writtenAt: Revision;
}

/** Where searches begin that come in one turn: those that ask the same are one read, which begins when all of them have come. */
export class Standings {
  readonly #store: Store;
  readonly #asked = new Map<string, Promise<Standing | Conflict>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** As `readStanding`. */
  read(request: Pick<SearchRequest, 'checks' | 'stamps'>): Promise<Standing | Conflict> {
    const name = nameOf(request);
    const known = this.#asked.get(name);
    if (known) return known;
    const asked = Promise.resolve().then(() => {
      this.#asked.delete(name);
      return readStanding(this.#store, request);
    });
    this.#asked.set(name, asked);
    return asked;
  }
}

function nameOf({ checks, stamps }: Pick<SearchRequest, 'checks' | 'stamps'>): string {
  let name = `${stamps.start.length} ${stamps.end.length} `;
  for (const { key, revision } of checks) name += `${key.length} ${revision} ${key.toString('latin1')}`;
  return `${name}${stamps.start.toString('latin1')}${stamps.end.toString('latin1')}`;
}

/** The checks of a search, judged on a state that has every commit acknowledged before the call. */
export async function readStanding(
  store: Store,
  { checks, stamps }: Pick<SearchRequest, 'checks' | 'stamps'>,
): Promise<Standing | Conflict> {
  const points = checks.map(({ key }) => ({ start: key }));
  const { results, revision, nowMs } = await store.read([...points, { ...stamps, limit: stampsMax, keysOnly: true }]);
  const found = checks.map((_, index) => results[index]!.entries[0]);
  if (!checks.every((check, index) => (found[index]?.revision ?? 0) === check.revision)) {
    return { kind: 'conflict', entries: found.filter(isPresent), marks: [], revision, nowMs };
  }
  let writtenAt = 0;
  for (const stamp of results.at(-1)!.entries) writtenAt = Math.max(writtenAt, stamp.revision);
  return { kind: 'standing', revision, writtenAt };
}

function isPresent(entry: Entry | undefined): entry is Entry {
  return entry !== undefined;
}
