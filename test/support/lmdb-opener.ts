/** Opens data directories in a process of its own, which may be killed, or may die of what it finds there. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { OpenAnswer, OpenRequest } from './lmdb-opener-child';

export class LmdbOpener {
  #child: ChildProcess | undefined;

  get pid(): number {
    return this.#child!.pid!;
  }

  /** What came of it. Rejects where the process died of it. */
  async open(directory: string, options: { readonly isKept?: boolean } = {}): Promise<OpenAnswer> {
    const child = (this.#child ??= fork(join(__dirname, 'lmdb-opener-child.ts'), {
      execArgv: ['-r', join(__dirname, 'register-ts.cjs')],
    }));
    const over = new AbortController();
    const { signal } = over;
    const died = once(child, 'exit', { signal }).then(([code, killer]) => {
      this.#child = undefined;
      throw new Error(`the process that opened ${directory} died: ${String(killer ?? code)}`);
    });
    const answered = once(child, 'message', { signal }).then(([answer]) => answer as OpenAnswer);
    for (const each of [died, answered]) each.catch(() => undefined);
    child.send({ directory, isKept: options.isKept ?? false } satisfies OpenRequest);
    return Promise.race([answered, died]).finally(() => over.abort());
  }

  /** Ends it with kill -9; resolves when it is gone. The next one is another process. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}
