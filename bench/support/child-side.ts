/** A bench's own process, seen from inside: it starts with a configuration, runs when it is told to, and ends with its parent. */

/** What goes between the two processes; plain data. */
export interface ChildTypes {
  readonly config: unknown;
  readonly started: unknown;
  readonly run: unknown;
  readonly result: unknown;
}

export type FromChild =
  { readonly kind: 'done'; readonly value: unknown } | { readonly kind: 'failed'; readonly why: string };

export interface Behaviour<T extends ChildTypes> {
  readonly started: T['started'];
  /** Left out: it serves others, and is never told to run. */
  run?(run: T['run']): Promise<T['result']>;
}

/** Makes this process one that obeys its parent. */
export function behave<T extends ChildTypes>(start: (config: T['config']) => Promise<Behaviour<T>>): void {
  let behaviour: Behaviour<T> | undefined;
  const obey = async (message: { readonly kind: 'config' | 'run'; readonly value: unknown }): Promise<unknown> => {
    if (message.kind === 'run') return behaviour!.run!(message.value);
    behaviour = await start(message.value);
    return behaviour.started;
  };
  process.on('message', (message) => {
    obey(message as Parameters<typeof obey>[0]).then(
      (value) => process.send?.({ kind: 'done', value } satisfies FromChild),
      (error: Error) => process.send?.({ kind: 'failed', why: error.stack ?? error.message } satisfies FromChild),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches every process of the terminal; the parent ends this one.
  process.on('SIGINT', () => undefined);
}
