/**
 * Load that knows what it was told: increments by compare-and-set, transfers of two keys in one transaction, and commands
 * with marks. Whatever happens to the store meanwhile, in the end everything that was acknowledged must stand, once.
 */
import type { CommitOutcome, Entry, Revision, Store, Transaction } from '../../proto/store';
import { isAppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';

const counters = ['inc/0', 'inc/1', 'inc/2'];
const accounts = ['acc/0', 'acc/1', 'acc/2', 'acc/3', 'acc/4', 'acc/5'];
const perAccount = 1_000;
/** That all accounts have together, at every moment that anyone sees. */
export const accountsSum = accounts.length * perAccount;

const bytes = (text: string): Buffer => Buffer.from(text);
const put = (key: string, value: string | number) =>
  ({ kind: 'put', key: bytes(key), value: bytes(String(value)), history: 'value' }) as const;
const numberOf = (entry: Entry | undefined): number => Number(entry?.value.toString() ?? 0);

export class Load {
  readonly #store: Store;
  readonly #ids: Ids;
  readonly #incremented = new Map<string, number>();
  readonly #done = new Map<string, Revision>();
  readonly #running: Promise<void>[] = [];
  #acknowledged = 0;
  #commands = 0;
  #isOver = false;
  readonly #waiting: { readonly atLeast: number; readonly resolve: () => void }[] = [];
  readonly #failed: Promise<never>;
  #fail!: (error: unknown) => void;
  /** Snapshots in which the sum was looked at. */
  looks = 0;

  private constructor(store: Store, ids: Ids) {
    this.#store = store;
    this.#ids = ids;
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
  }

  /** Opens the accounts and sets everybody to work. */
  static async begin(store: Store, ids: Ids): Promise<Load> {
    const load = new Load(store, ids);
    await load.#commit({ checks: [], writes: accounts.map((account) => put(account, perAccount)) });
    const workers = [
      ...Array.from({ length: 9 }, (_, worker) => () => load.#increment(counters[worker % counters.length]!)),
      ...Array.from({ length: 6 }, () => () => load.#transfer()),
      ...Array.from({ length: 6 }, () => () => load.#command()),
      () => load.#look(),
    ];
    for (const work of workers) {
      const running = load.#repeat(work);
      running.catch(load.#fail);
      load.#running.push(running);
    }
    return load;
  }

  /** Resolves when so many more commits were acknowledged; rejects with what went wrong meanwhile. */
  progress(commits: number): Promise<void> {
    const reached = new Promise<void>((resolve) =>
      this.#waiting.push({ atLeast: this.#acknowledged + commits, resolve }),
    );
    return Promise.race([reached, this.#failed]);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  /** Reads everything again from a store: all that was acknowledged is there, once. Throws what is not. */
  async verify(store: Store): Promise<void> {
    const { results } = await store.read(counters.map((key) => ({ start: bytes(key) })));
    counters.forEach((key, index) => {
      expectSame(key, numberOf(results[index]!.entries[0]), this.#incremented.get(key) ?? 0);
    });
    expectSame('the sum of all accounts', await sumOf(store), accountsSum);
    const effects = new Map<string, Revision>();
    for (let start = bytes('done/'), more = true; more;) {
      const [page] = (await store.read([{ start, end: bytes('done0'), keysOnly: true, limit: 1_000 }])).results;
      for (const { key, revision } of page!.entries) effects.set(key.toString(), revision);
      more = page!.more;
      if (more) start = Buffer.concat([page!.entries.at(-1)!.key, Buffer.alloc(1)]);
    }
    expectSame('the number of commands that were done', effects.size, this.#done.size);
    const names = [...this.#done.keys()];
    for (let from = 0; from < names.length; from += 500) {
      const part = names.slice(from, from + 500);
      const outcomes = await store.commit(part.map((name) => markOf(name)));
      part.forEach((name, index) => {
        const outcome = outcomes[index]!;
        const mark = outcome.kind === 'conflict' ? outcome.marks[0] : undefined;
        expectSame(`the effect of ${name}`, effects.get(name), this.#done.get(name));
        expectSame(`the mark of ${name}`, mark?.revision, this.#done.get(name));
        expectSame(`what the mark of ${name} says`, mark?.value.toString(), name);
      });
    }
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#isOver) await work();
  }

  async #increment(key: string): Promise<void> {
    let entry = (await this.#read(key))[0];
    for (;;) {
      const outcome = await this.#commit({
        checks: [{ key: bytes(key), revision: entry?.revision ?? 0 }],
        writes: [put(key, numberOf(entry) + 1)],
      });
      if (outcome.kind === 'committed') break;
      if (outcome.kind === 'failed') throw outcome.error;
      entry = outcome.entries[0];
    }
    this.#incremented.set(key, (this.#incremented.get(key) ?? 0) + 1);
  }

  async #transfer(): Promise<void> {
    const from = Math.floor(this.#ids.fraction() * accounts.length);
    const to = (from + 1 + Math.floor(this.#ids.fraction() * (accounts.length - 1))) % accounts.length;
    const names = [accounts[from]!, accounts[to]!];
    const [source, target] = await this.#read(...names);
    const amount = Math.min(numberOf(source), 1 + Math.floor(this.#ids.fraction() * 50));
    await this.#commit({
      checks: names.map((key, index) => ({ key: bytes(key), revision: [source, target][index]!.revision })),
      writes: [put(names[0]!, numberOf(source) - amount), put(names[1]!, numberOf(target) + amount)],
    });
  }

  /** Does a command with a mark, and now and then once more. */
  async #command(): Promise<void> {
    const name = `done/${String((this.#commands += 1)).padStart(6, '0')}`;
    const command = { ...markOf(name), writes: [put(name, 'done')] };
    const outcome = await this.#commit(command);
    if (outcome.kind !== 'committed') throw new Error(`${name} met ${JSON.stringify(outcome)}`);
    this.#done.set(name, outcome.revision);
    if (this.#ids.fraction() > 0.2) return;
    const again = await this.#commit(command);
    if (again.kind !== 'conflict') throw new Error(`${name} was done twice: ${JSON.stringify(again)}`);
    expectSame(`the mark that ${name} met`, again.marks[0]?.revision, outcome.revision);
  }

  async #look(): Promise<void> {
    expectSame('the sum of all accounts', await this.#patiently(() => sumOf(this.#store)), accountsSum);
    this.looks += 1;
  }

  async #read(...keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    const { results } = await this.#patiently(() => this.#store.read(keys.map((key) => ({ start: bytes(key) }))));
    return results.map(({ entries }) => entries[0]);
  }

  async #commit(transaction: Transaction): Promise<CommitOutcome> {
    const [outcome] = await this.#patiently(() => this.#store.commit([transaction]));
    this.#acknowledged += 1;
    for (const { atLeast, resolve } of this.#waiting) if (this.#acknowledged >= atLeast) resolve();
    return outcome!;
  }

  /** Tries again what surely was not done. */
  async #patiently<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isAppError(error, 'UNAVAILABLE')) throw error;
      }
    }
  }
}

async function sumOf(store: Store): Promise<number> {
  const { results } = await store.read([{ start: bytes('acc/'), end: bytes('acc0') }]);
  return results[0]!.entries.reduce((sum, entry) => sum + numberOf(entry), 0);
}

function markOf(name: string): Transaction {
  return { checks: [], writes: [], marks: [{ key: bytes(`mark ${name}`), value: bytes(name) }] };
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: found ${String(found)}, expected ${String(expected)}`);
}
