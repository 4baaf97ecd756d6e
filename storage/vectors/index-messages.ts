/**
 * What goes between storage and the thread of the indexes. A message either way is a list: waking the other thread costs about as much as
 * a tenth of a search, and so does each object that is copied by itself.
 */
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState } from './indexes';
import type { SnapshotPlace } from './snapshot-file';

export type IndexCall =
  | {
      readonly kind: 'open';
      readonly index: number;
      readonly settings: IndexSettings;
      readonly snapshot: SnapshotPlace | undefined;
    }
  | {
      readonly kind: 'compare';
      readonly index: number;
      readonly ids: readonly string[];
      readonly revisions: readonly number[];
    }
  | { readonly kind: 'forgetOthers'; readonly index: number }
  | { readonly kind: 'save'; readonly index: number; readonly snapshot: SnapshotPlace }
  | { readonly kind: 'apply'; readonly index: number; readonly changes: IndexChanges }
  | { readonly kind: 'search'; readonly index: number; readonly query: IndexQuery }
  | { readonly kind: 'close'; readonly index: number };

export interface IndexRequest {
  readonly id: number;
  readonly call: IndexCall;
}

export type IndexResult = IndexState | Candidates | readonly number[] | undefined;

export type IndexReply =
  | { readonly id: number; readonly result: IndexResult; readonly error?: undefined }
  | { readonly id: number; readonly error: string };
