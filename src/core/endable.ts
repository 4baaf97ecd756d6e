/** Iterators that can be ended while somebody waits for their next member. */

/**
 * Runs an async generator as an iterable whose `return` takes effect at once: it aborts the signal that the generator
 * was given, so that a `next` that waits ends too. It also ends when `signal` aborts. Every iteration runs anew. The
 * generator must stop waiting, and return, when its signal aborts.
 */
export function endable<Member>(
  run: (signal: AbortSignal) => AsyncGenerator<Member, void, undefined>,
  signal?: AbortSignal,
): AsyncIterable<Member> {
  return { [Symbol.asyncIterator]: () => iterate(run, signal) };
}

function iterate<Member>(
  run: (signal: AbortSignal) => AsyncGenerator<Member, void, undefined>,
  signal: AbortSignal | undefined,
): AsyncIterator<Member, undefined, undefined> {
  const own = new AbortController();
  const end = (): void => own.abort();
  const letGo = (): void => signal?.removeEventListener('abort', end);
  if (signal?.aborted) end();
  else signal?.addEventListener('abort', end, { once: true });
  const generator = run(own.signal);
  return {
    async next() {
      try {
        const result = own.signal.aborted ? await generator.return() : await generator.next();
        if (!result.done) return result;
      } catch (error) {
        letGo();
        throw error;
      }
      letGo();
      return { done: true, value: undefined };
    },
    async return() {
      end();
      letGo();
      await generator.return();
      return { done: true, value: undefined };
    },
  };
}

/** Resolves with the promise, or with undefined as soon as the signal aborts; then its failure is nobody's concern. */
export function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** A signal that aborts with the first of two; `release` lets go of both, so that a long-lived one does not collect them. */
export function eitherSignal(
  first: AbortSignal,
  second: AbortSignal,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const own = new AbortController();
  const abort = (): void => own.abort();
  for (const each of [first, second]) {
    if (each.aborted) abort();
    else each.addEventListener('abort', abort, { once: true });
  }
  const release = (): void => {
    for (const each of [first, second]) each.removeEventListener('abort', abort);
  };
  return { signal: own.signal, release };
}
