/** The commands that an aggregate has handled last, by their ids, and where their events stand: what a replay is known by. */

/** Where the events of a command stand. */
export interface CommandPlace {
  /** Of the first event. */
  readonly version: number;
  readonly count: number;
}

/** How many are remembered, unless said otherwise. */
const knownCommandsMax = 1_000;

export class KnownCommands {
  readonly #places: Map<string, CommandPlace>;
  readonly #max: number;

  constructor(places: Iterable<readonly [string, CommandPlace]> = [], max = knownCommandsMax) {
    this.#places = new Map(places);
    this.#max = max;
  }

  get(commandId: string): CommandPlace | undefined {
    return this.#places.get(commandId);
  }

  /** Notes an event of a command; events come in the order of their versions. */
  note(commandId: string, version: number): void {
    const known = this.#places.get(commandId);
    this.#places.set(
      commandId,
      known ? { version: known.version, count: version - known.version + 1 } : { version, count: 1 },
    );
    if (this.#places.size <= this.#max) return;
    const [oldest] = this.#places.keys();
    this.#places.delete(oldest!);
  }

  /** As it stands in a snapshot. */
  toJson(): readonly (readonly [string, number, number])[] {
    return [...this.#places].map(([commandId, { version, count }]) => [commandId, version, count]);
  }

  /** Undefined where it is none. */
  static fromJson(json: unknown): KnownCommands | undefined {
    if (!Array.isArray(json)) return undefined;
    const places: [string, CommandPlace][] = [];
    for (const each of json as readonly unknown[]) {
      if (!Array.isArray(each)) return undefined;
      const [commandId, version, count] = each as readonly unknown[];
      if (typeof commandId !== 'string' || typeof version !== 'number' || typeof count !== 'number') return undefined;
      places.push([commandId, { version, count }]);
    }
    return new KnownCommands(places);
  }
}
