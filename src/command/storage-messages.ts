/** What a storage process and the process that started it say to each other, over Node's own channel between them. */

/** From storage. `failed`: it cannot run, and starting it again would not help. */
export type StorageReport =
  | { readonly kind: 'listening'; readonly address: string; readonly engine: string }
  | { readonly kind: 'failed'; readonly message: string };

/** To storage: stop gracefully, within so many milliseconds. A channel that closes means the same, at once. */
export interface StorageOrder {
  readonly kind: 'stop';
  readonly deadlineMs: number;
}

export function isStorageReport(message: unknown): message is StorageReport {
  const { kind } = (message ?? {}) as { kind?: unknown };
  return kind === 'listening' || kind === 'failed';
}

export function isStorageOrder(message: unknown): message is StorageOrder {
  return ((message ?? {}) as { kind?: unknown }).kind === 'stop';
}
