/**
 * Documents that a deployment trusts, by id, read once at start from a folder: `NAME.graphql` has the id NAME, and every
 * document also the id `sha256:HEX` of its text; `*.json` holds either { id: document } or Apollo's manifest format.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export class TrustedDocuments {
  readonly #byId = new Map<string, string>();
  readonly #sources = new Set<string>();
  /** Whether nothing else may be run. */
  readonly areExclusive: boolean;

  constructor(documents: Iterable<readonly [id: string, source: string]>, areExclusive: boolean) {
    this.areExclusive = areExclusive;
    for (const [id, source] of documents) {
      this.#byId.set(id, source);
      this.#byId.set(`sha256:${createHash('sha256').update(source).digest('hex')}`, source);
      this.#sources.add(source);
    }
  }

  get size(): number {
    return this.#sources.size;
  }

  /** The document's source. */
  get(id: string): string | undefined {
    return this.#byId.get(id);
  }

  /** Whether a document with this text may be run. */
  allows(source: string): boolean {
    return !this.areExclusive || this.#sources.has(source);
  }
}

/** Reads the folder; throws an Error that names the file where one is not what it should be. */
export function readTrustedDocuments(folder: string, areExclusive: boolean): TrustedDocuments {
  const documents: (readonly [string, string])[] = [];
  for (const name of readdirSync(folder).sort()) {
    const text = (): string => readFileSync(join(folder, name), 'utf8');
    if (name.endsWith('.graphql')) documents.push([basename(name, '.graphql'), text()]);
    else if (name.endsWith('.json')) documents.push(...manifestEntries(name, text()));
  }
  return new TrustedDocuments(documents, areExclusive);
}

function manifestEntries(name: string, text: string): (readonly [string, string])[] {
  const refuse = (): never => {
    throw new Error(`${name} among the trusted documents is neither { id: document } nor an Apollo manifest`);
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refuse();
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return refuse();
  const operations = (parsed as { operations?: unknown }).operations;
  const entries: [unknown, unknown][] = Array.isArray(operations)
    ? operations.map((each: { id?: unknown; body?: unknown } | null) => [each?.id, each?.body])
    : Object.entries(parsed);
  return entries.map(([id, source]) =>
    typeof id === 'string' && typeof source === 'string' ? ([id, source] as const) : refuse(),
  );
}
