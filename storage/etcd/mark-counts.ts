/**
 * How many marks count against a scope: those of the generation of now and of the one before. Counted in etcd when a scope is first met,
 * and again every few thousand of our own, since other storage processes add theirs; in between our own are added.
 */
import type { EtcdReader } from './reader';
import type { Layout } from './layout';
import { nameOf } from './plan';

const scopesMax = 10_000;
const countAgainAfter = 5_000;

interface Counted {
  readonly generation: number;
  count: number;
  added: number;
}

export class MarkCounts {
  readonly #reader: EtcdReader;
  readonly #layout: Layout;
  readonly #counts = new Map<string, Counted>();

  constructor(reader: EtcdReader, layout: Layout) {
    this.#reader = reader;
    this.#layout = layout;
  }

  /** Counts scopes that are not counted yet. */
  async learn(scopes: readonly Buffer[], generation: number): Promise<void> {
    for (const scope of scopes) {
      const known = this.#counts.get(nameOf(scope));
      if (known?.generation === generation && known.added < countAgainAfter) continue;
      const { responses } = await this.#reader.raw(
        [generation, generation - 1].map((each) => {
          const { start, end } = this.#layout.marksOfScope(Math.max(each, 0), scope);
          return { key: start, rangeEnd: end, countOnly: true };
        }),
      );
      const count = responses.reduce((sum, each) => sum + each.count, 0);
      if (this.#counts.size >= scopesMax) this.#counts.clear();
      this.#counts.set(nameOf(scope), { generation, count, added: 0 });
    }
  }

  /** As last counted, with what was added since. */
  of(scope: Buffer): number {
    return this.#counts.get(nameOf(scope))?.count ?? 0;
  }

  add(scope: Buffer, marks: number): void {
    const counted = this.#counts.get(nameOf(scope));
    if (!counted) return;
    counted.count += marks;
    counted.added += marks;
  }
}
