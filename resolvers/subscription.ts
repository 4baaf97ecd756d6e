/** A pattern's endless answer as a subscription's source. */

/**
 * Stands beside the arguments of a subscription that goes on by itself: in which life of what it follows it was. No caller can name
 * it, since it is no name of GraphQL.
 */
export const lifeArgument = '(life)';

/**
 * Stands beside them likewise: a function that is told of places behind which nothing was to be given, where the subscription began
 * without one. Whoever was given nothing yet can so be told where to go on.
 */
export const passedArgument = '(passed)';

/**
 * Stands beside them likewise, where a field gives the newest state of something: the state that was given last, the very object.
 */
export const shownArgument = '(shown)';

/**
 * Ends at once when the subscriber leaves: a generator that waits for its next change would not notice `return` until
 * that change comes, so the signal is aborted first.
 */
export function subscribeTo<T>(
  start: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
): AsyncIterableIterator<T> {
  const leaving = new AbortController();
  const source = start(leaving.signal);
  return {
    next: () => source.next(),
    return: async () => {
      leaving.abort();
      await source.return();
      return { value: undefined, done: true };
    },
    throw: (error) => {
      leaving.abort();
      return source.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
