/** Several endless sources as one: whatever comes first, each in its turn, none more than one member ahead of the reader. */
import { eitherSignal } from './endable';

export type Source<Member> = (signal: AbortSignal) => AsyncGenerator<Member, void, void>;

/** Ends when all have ended or `signal` aborts; throws what the first of them throws, and ends the others then. */
export async function* mergeSources<Member>(
  starts: readonly Source<Member>[],
  signal: AbortSignal,
): AsyncGenerator<Member, void, void> {
  const own = new AbortController();
  const either = eitherSignal(signal, own.signal);
  const sources = starts.map((start) => start(either.signal));
  const ready: { readonly from: AsyncGenerator<Member, void, void>; readonly result: IteratorResult<Member, void> }[] =
    [];
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;
  // Not Promise.race: each round would leave a reaction behind at every source that is quiet for long.
  const pull = (from: AsyncGenerator<Member, void, void>): void => {
    from.next().then(
      (result) => {
        ready.push({ from, result });
        wake();
      },
      (error: unknown) => {
        failure ??= { error };
        wake();
      },
    );
  };
  try {
    for (const source of sources) pull(source);
    for (let open = sources.length; open > 0;) {
      const next = ready.shift();
      if (failure) throw failure.error;
      if (!next) await new Promise<void>((resolve) => (wake = resolve));
      else if (next.result.done) open -= 1;
      else {
        yield next.result.value;
        pull(next.from);
      }
    }
  } finally {
    own.abort();
    either.release();
    await Promise.allSettled(sources.map((source) => source.return()));
  }
}
