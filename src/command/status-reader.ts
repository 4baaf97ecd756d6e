/** What the metrics show of the storage behind this gateway. */
import type { Store, StoreStatus } from '../../proto/store';
import type { Clock } from '../core/clock';

/** An answer that takes longer is not waited for: the metrics show what was known. */
const withinMs = 1_000;

export interface StatusReading<T> {
  readonly read: (status: StoreStatus) => T;
  /** Before storage has answered once. */
  readonly first: T;
}

/** Gives a part of storage's status whenever it is asked for: the last one known, where storage is silent. */
export function statusReader<T>(
  store: Pick<Store, 'status'>,
  clock: Clock,
  { read, first }: StatusReading<T>,
): () => Promise<T> {
  let known = first;
  return async () => {
    let cancel: (() => void) | undefined;
    const late = new Promise<void>((resolve) => (cancel = clock.after(withinMs, resolve)));
    const asked = store.status().then(
      (status) => void (known = read(status)),
      () => undefined,
    );
    await Promise.race([asked, late]);
    cancel?.();
    return known;
  };
}

/** Those who ask while an answer is on its way are given that one: all metrics are read at once, and storage is asked once. */
export function askedOnce(store: Pick<Store, 'status'>): Pick<Store, 'status'> {
  let asked: Promise<StoreStatus> | undefined;
  return {
    status: () => (asked ??= store.status().finally(() => (asked = undefined))),
  };
}
