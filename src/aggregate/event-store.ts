/** What aggregates need of an event store. Versions count from 1 within a stream, without a gap. */
import type { DomainEvent } from './decider';

export interface NewEvent extends DomainEvent {
  /** Unique within the stream. */
  readonly eventId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface RecordedEvent extends NewEvent {
  readonly version: number;
}

export interface StreamPage {
  readonly events: readonly RecordedEvent[];
  /** The stream's version as far as this page shows it: of its last event, or, where it has none, of the stream. */
  readonly version: number;
  readonly hasMore: boolean;
}

export type AppendResult =
  | { readonly kind: 'appended' }
  /** The stream is at another version than was expected. */
  | { readonly kind: 'wrongVersion' }
  /** Some of the ids stand in the stream, elsewhere than this append would put them. */
  | { readonly kind: 'duplicate' };

export interface StoredSnapshot {
  readonly version: number;
  readonly state: unknown;
}

/** Failures are thrown; OUTCOME_UNKNOWN says that an append may or may not have been done. */
export interface EventStore {
  /** Events behind a version, oldest first, as many as the store likes to give at once. A stream that is not there is at version 0. */
  readStream(streamId: string, afterVersion: number): Promise<StreamPage>;
  /** All or none, if the stream is at that version. The same events again, in the place where they stand, are appended already. */
  append(streamId: string, expectedVersion: number, events: readonly NewEvent[]): Promise<AppendResult>;
  loadSnapshot(streamId: string): Promise<StoredSnapshot | undefined>;
  /** Only a later version replaces one. */
  saveSnapshot(streamId: string, snapshot: StoredSnapshot): Promise<void>;
}
