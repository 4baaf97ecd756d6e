/** What an aggregate is to the library: three pure things, and what they are made of. */

/** An event as an aggregate sees it; what stands in it is JSON. */
export interface DomainEvent {
  readonly type: string;
  readonly data: unknown;
}

/**
 * A decider. `evolve` and `decide` are pure: they are run as often as it takes, also for a command that is decided anew since somebody
 * was faster. State is JSON where snapshots are kept.
 */
export interface Aggregate<State, Command, Event extends DomainEvent, Refusal = never> {
  /** Snapshots are kept under it. */
  readonly name: string;
  readonly initialState: State;
  evolve(state: State, event: Event): State;
  /** The events that the command comes to (none: nothing is to be done), or why it is refused: anything that is no list. */
  decide(state: State, command: Command): readonly Event[] | Refusal;
  /** Raise it when State has another shape, or `evolve` comes to another one: older snapshots are then passed over. Default 1. */
  readonly snapshotFormat?: number;
}

/** What became of a command. */
export type Handled<State, Event extends DomainEvent, Refusal> =
  | {
      readonly kind: 'decided';
      /** What the command came to, in order. */
      readonly events: readonly Event[];
      /** After it; of a replay: now. */
      readonly state: State;
      readonly version: number;
      /** Whether this command was found to have been handled before, under the same id: nothing was done this time. */
      readonly isReplay: boolean;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly state: State; readonly version: number };
