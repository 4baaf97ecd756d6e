/** What goes between storage and the thread of the indexes. */
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState } from './indexes';

export type IndexCall =
  | { readonly kind: 'open'; readonly index: number; readonly settings: IndexSettings }
  | { readonly kind: 'apply'; readonly index: number; readonly changes: IndexChanges }
  | { readonly kind: 'search'; readonly index: number; readonly query: IndexQuery }
  | { readonly kind: 'close'; readonly index: number };

export interface IndexRequest {
  readonly id: number;
  readonly call: IndexCall;
}

export type IndexResult = IndexState | Candidates | undefined;

export type IndexReply =
  | { readonly id: number; readonly result: IndexResult; readonly error?: undefined }
  | { readonly id: number; readonly error: string };
