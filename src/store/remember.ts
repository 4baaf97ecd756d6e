/** How a pattern's command is remembered under a caller's idempotency key, its outcome as JSON. */
import { limits } from '../../proto/limits';
import { requireText } from '../core/input';
import type { Remembered } from './marks';

export interface RememberOptions<O> {
  /** The SDL's name of the mutation. */
  readonly mutation: string;
  /** The parsed input; its idempotencyKey, where there is one, is the command's key. */
  readonly input: object & { readonly idempotencyKey?: string | undefined };
  /** Defaults of the input's members. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** What of the outcome goes into the mark: scalars. Default: all of it. */
  readonly keep?: (outcome: O) => unknown;
}

/** Undefined where the input has no idempotencyKey. Throws INVALID_ARGUMENT where that breaks its rule. */
export function rememberAsJson<O>({ mutation, input, defaults, keep }: RememberOptions<O>): Remembered<O> | undefined {
  // Most commands have none: their input is not copied.
  if (input.idempotencyKey === undefined) return undefined;
  const { idempotencyKey: key, ...hashed } = input;
  requireText('input.idempotencyKey', key, { bytesMax: limits.idempotencyKeyBytesMax });
  return {
    idempotency: {
      mutation,
      key,
      input: hashed as Readonly<Record<string, unknown>>,
      ...(defaults ? { defaults } : {}),
    },
    encode: (outcome) => Buffer.from(JSON.stringify(keep ? keep(outcome) : outcome), 'utf8'),
    decode: (bytes) => JSON.parse(bytes.toString('utf8')) as O,
  };
}
