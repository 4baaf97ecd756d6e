/** Billing: what the rows of a transaction come to for the tenants whose they are, and whether a quota lets them be. */
import type { Transaction } from '../proto/store';
import { AppError } from '../src/core/errors';
import { billedBytes, billedScopeLength } from '../src/core/usage';
import type { Usage } from '../src/core/usage';

/** What an account gains, or where negative loses. */
export interface UsageChange extends Usage {
  /** The scope of the tenant's life. */
  readonly account: Buffer;
}

/** Adds up what rows that come and go are billed. */
export class UsageChanges {
  readonly #byAccount = new Map<string, { readonly account: Buffer; keys: number; bytes: number }>();

  /** A row's value was so many bytes long, and is now; undefined: there was, or is, none. */
  add(key: Buffer, before: number | undefined, after: number | undefined): void {
    const scopeLength = billedScopeLength(key);
    if (scopeLength === 0) return;
    const keys = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    const bytes = bytesOf(key, scopeLength, after) - bytesOf(key, scopeLength, before);
    if (keys === 0 && bytes === 0) return;
    const name = key.toString('latin1', 0, scopeLength);
    const sum = this.#byAccount.get(name);
    if (sum) {
      sum.keys += keys;
      sum.bytes += bytes;
    } else this.#byAccount.set(name, { account: Buffer.from(key.subarray(0, scopeLength)), keys, bytes });
  }

  /** Those that are not nothing. */
  all(): readonly UsageChange[] {
    if (this.#byAccount.size === 0) return none;
    return [...this.#byAccount.values()].filter(({ keys, bytes }) => keys !== 0 || bytes !== 0);
  }
}

const none: readonly UsageChange[] = [];

function bytesOf(key: Buffer, scopeLength: number, valueBytes: number | undefined): number {
  return valueBytes === undefined ? 0 : billedBytes(key, scopeLength, valueBytes);
}

/** Why a transaction may not be: it would pass its quota, and add to what is stored already. */
export function quotaFault(
  { quota, scope }: Transaction,
  changes: readonly UsageChange[],
  usageOf: (account: Buffer) => Usage,
): AppError | undefined {
  if (!quota || !scope) return undefined;
  const change = changes.find(({ account }) => account.equals(scope));
  if (!change) return undefined;
  const usage = usageOf(scope);
  return (
    passed('keys', usage.keys, change.keys, quota.keysMax) ?? passed('bytes', usage.bytes, change.bytes, quota.bytesMax)
  );
}

function passed(what: 'keys' | 'bytes', used: number, more: number, most: number | undefined): AppError | undefined {
  if (most === undefined || more <= 0 || used + more <= most) return undefined;
  const message = `the tenant's plan allows ${most} ${what}, ${used} are used and this needs ${more} more: nothing was written`;
  return new AppError('QUOTA_EXCEEDED', message, { details: { limit: what, max: most, used, needed: more } });
}

/** The usage of accounts within one physical commit: what stood, and what its transactions add. */
export class UsageBook {
  readonly #stored: (account: Buffer) => Usage;
  readonly #changed = new Map<string, { readonly account: Buffer; readonly usage: Usage }>();

  constructor(stored: (account: Buffer) => Usage) {
    this.#stored = stored;
  }

  of(account: Buffer): Usage {
    return this.#changed.get(account.toString('latin1'))?.usage ?? this.#stored(account);
  }

  take(changes: readonly UsageChange[]): void {
    for (const { account, keys, bytes } of changes) {
      const before = this.of(account);
      // Never below nothing: a drift must not spread.
      const usage = { keys: Math.max(0, before.keys + keys), bytes: Math.max(0, before.bytes + bytes) };
      this.#changed.set(account.toString('latin1'), { account, usage });
    }
  }

  /** What is to be written down. */
  changed(): Iterable<{ readonly account: Buffer; readonly usage: Usage }> {
    return this.#changed.values();
  }
}
