/**
 * What accounts hold, as far as this process knows: what was written down (`biller.ts`), what the watch has brought since, and what this process itself has
 * written that the watch has not brought yet. So on one storage process no writer passes a quota; those of another process are
 * heard of within milliseconds.
 */
import { decodeUsage, noUsage, usageKey } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import type { UsageChange } from '../usage';
import type { FeedPage } from './feed';
import { decodeNumber, rowValue } from './layout';
import type { Layout } from './layout';
import { nameOf } from './plan';
import type { EtcdReader } from './reader';

export interface QuotasOptions {
  readonly reader: EtcdReader;
  readonly layout: Layout;
  /** Where the watch begins. */
  readonly revision: number;
}

type Noted = FeedPage['usage'][number];

/** Accounts that are known at once; past it all are read anew. */
const accountsMax = 10_000;
/** Revisions of the watch that are kept, for accounts that were written down a while ago. */
const recentMax = 10_000;

export class Quotas {
  readonly #options: QuotasOptions;
  /** As of what the watch has brought. */
  readonly #known = new Map<string, { keys: number; bytes: number }>();
  #recent: Noted[] = [];
  /** Of this process, not brought by the watch yet. */
  #pending: Noted[] = [];
  #through: number;
  /** The watch has left out something before this revision, and not all of it is written down yet. */
  #holeAt: number | undefined;

  constructor(options: QuotasOptions) {
    this.#options = options;
    this.#through = options.revision;
  }

  /** Reads an account that is not known. */
  async learn(account: Buffer): Promise<void> {
    const name = nameOf(account);
    if (this.#known.has(name)) return;
    const { reader, layout } = this.#options;
    const { responses } = await reader.raw([{ key: layout.row(usageKey(account)) }, { key: layout.billed }]);
    const [row, billed] = responses.map(({ kvs }) => kvs[0]);
    const usage = { ...(row ? decodeUsage(rowValue(row)) : noUsage) };
    const billedThrough = billed ? decodeNumber(billed.value) : 0;
    for (const { revision, changes } of this.#recent) if (revision > billedThrough) addTo(usage, changes, name);
    if (this.#known.size >= accountsMax) this.#known.clear();
    this.#known.set(name, usage);
  }

  /** What is written down was corrected: all accounts are read anew. */
  forget(): void {
    this.#known.clear();
  }

  /** The watch has left out something before this revision: accounts are read anew, and once more when that is written down. */
  noteHole(revision: number): void {
    this.#holeAt = revision;
    this.forget();
  }

  /** Everything through this revision is written down. */
  noteBilled(through: number): void {
    if (this.#holeAt === undefined || through < this.#holeAt) return;
    this.#holeAt = undefined;
    this.forget();
  }

  of(account: Buffer): Usage {
    const name = nameOf(account);
    const usage = { ...(this.#known.get(name) ?? noUsage) };
    for (const { changes } of this.#pending) addTo(usage, changes, name);
    return { keys: Math.max(0, usage.keys), bytes: Math.max(0, usage.bytes) };
  }

  /** This process has written something. */
  written(changes: readonly UsageChange[], revision: number): void {
    if (revision > this.#through) this.#pending.push({ revision, changes });
  }

  /** The watch has brought something. */
  note(usage: readonly Noted[], through: number): void {
    this.#through = through;
    if (this.#pending.length > 0) this.#pending = this.#pending.filter(({ revision }) => revision > through);
    for (const each of usage) {
      for (const [name, known] of this.#known) addTo(known, each.changes, name);
      this.#recent.push(each);
    }
    if (this.#recent.length > 2 * recentMax) this.#recent = this.#recent.slice(-recentMax);
  }
}

function addTo(usage: { keys: number; bytes: number }, changes: readonly UsageChange[], name: string): void {
  for (const { account, keys, bytes } of changes) {
    if (nameOf(account) !== name) continue;
    usage.keys += keys;
    usage.bytes += bytes;
  }
}
