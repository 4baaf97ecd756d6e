/** A process that opens data directories when it is told to, and says what came of it: for tests of data that may end the process. */
import { systemClock } from '../../src/core/clock';
import { toAppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';
import type { Store } from '../../proto/store';
import { openStore } from '../../storage/open';

export interface OpenRequest {
  readonly directory: string;
  /** Whether it stays open until the next request. */
  readonly isKept: boolean;
}

export type OpenAnswer =
  | { readonly kind: 'opened'; readonly entries: number; readonly revision: number }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

const range = { start: Buffer.alloc(0), end: Buffer.of(0xff) };
let kept: Store | undefined;

async function answer({ directory, isKept }: OpenRequest): Promise<OpenAnswer> {
  await kept?.close();
  kept = undefined;
  try {
    const store = await openStore({ engine: 'lmdb', directory, clock: systemClock, ids: systemIds });
    const { results, revision } = await store.read([{ ...range, keysOnly: true }]);
    if (isKept) kept = store;
    else await store.close();
    return { kind: 'opened', entries: results[0]!.entries.length, revision };
  } catch (error) {
    const { code, message } = toAppError(error);
    return { kind: 'refused', code, message };
  }
}

process.on('message', (request: OpenRequest) => void answer(request).then((answered) => process.send!(answered)));
process.on('disconnect', () => process.exit(0));
