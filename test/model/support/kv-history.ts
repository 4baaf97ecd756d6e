/** What the store says happened to keys, and whether an answer can have been the truth at some moment of a call. */
import { keyspace } from '../../../src/core/keyspace';
import { familyRange } from '../../../src/core/keyspace';
import type { Change, Store } from '../../../proto/store';
import type { Moment } from './simulation';

/** A key's value from its revision on. */
export interface Standing {
  readonly value: string;
  readonly revision: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

/** A span of the store's history. */
export interface Span {
  readonly from: Moment;
  readonly to: Moment;
}

export class KvHistory {
  readonly changes: readonly Change[];

  constructor(changes: readonly Change[]) {
    this.changes = changes;
  }

  /** All changes of callers' keys through a revision. */
  static async read(store: Store, through: number): Promise<KvHistory> {
    const changes: Change[] = [];
    const { oldestRevision: afterRevision } = await store.status();
    for await (const batch of store.watch([familyRange('kv')], { afterRevision })) {
      changes.push(...batch.changes);
      if (batch.revision >= through) break;
    }
    return new KvHistory(changes);
  }

  of(key: string): readonly Change[] {
    const stored = keyspace.kv(key);
    return this.changes.filter((change) => change.key.equals(stored));
  }

  /** What stands under a key once this revision is there, expired or not. */
  at(key: string, revision: number): Standing | undefined {
    const last = this.of(key).findLast((change) => change.revision <= revision);
    if (last?.kind !== 'put') return undefined;
    return { value: last.value!.toString(), revision: last.revision, expiresAtMs: last.expiresAtMs };
  }

  /** Whether at some moment of the span the key was as `holds` says; expiry is given the benefit of the doubt, by the span's ends. */
  was(key: string, { from, to }: Span, holds: (standing: Standing | undefined) => boolean): boolean {
    const revisions = this.of(key).map(({ revision }) => revision);
    const moments = [
      from.revision,
      ...revisions.filter((revision) => revision > from.revision && revision <= to.revision),
    ];
    return moments.some((revision) => {
      const standing = this.at(key, revision);
      if (!standing || standing.expiresAtMs === 0) return holds(standing);
      return (
        (standing.expiresAtMs > from.nowMs && holds(standing)) || (standing.expiresAtMs <= to.nowMs && holds(undefined))
      );
    });
  }
}
