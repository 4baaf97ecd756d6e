/**
 * Turns by key within this process: many may share a key's gate, one at a time has it to itself, in order of arrival. For
 * commands that read a range before they decide: what this process would change of that range waits meanwhile, so that
 * such a command has to read again for writers of other processes only. Correctness never depends on it.
 */
interface Gate {
  /** Ends when the last one that has it to itself is through. */
  exclusive: Promise<void>;
  /** Ends when all that came before are through. */
  all: Promise<void>;
  users: number;
}

export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** Runs at the same time as others that share the key. */
  shared<T>(key: string, run: () => Promise<T>): Promise<T> {
    const gate = this.#enter(key);
    const running = gate.exclusive.then(run);
    gate.all = Promise.all([gate.all, ended(running)]).then(() => undefined);
    return this.#leaving(key, gate, running);
  }

  /** Runs when all that came before are through; what comes later waits. */
  exclusive<T>(key: string, run: () => Promise<T>): Promise<T> {
    const gate = this.#enter(key);
    const running = gate.all.then(run);
    gate.exclusive = ended(running);
    gate.all = gate.exclusive;
    return this.#leaving(key, gate, running);
  }

  #enter(key: string): Gate {
    let gate = this.#gates.get(key);
    if (!gate) this.#gates.set(key, (gate = { exclusive: Promise.resolve(), all: Promise.resolve(), users: 0 }));
    gate.users += 1;
    return gate;
  }

  async #leaving<T>(key: string, gate: Gate, running: Promise<T>): Promise<T> {
    try {
      return await running;
    } finally {
      gate.users -= 1;
      if (gate.users === 0) this.#gates.delete(key);
    }
  }
}

function ended(running: Promise<unknown>): Promise<void> {
  return running.then(
    () => undefined,
    () => undefined,
  );
}
