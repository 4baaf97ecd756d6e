/** What goes between the gateway and the worker that runs the offline model. */
export interface OfflineRequest {
  readonly texts: readonly string[];
}

export type OfflineAnswer =
  | { readonly kind: 'embedded'; readonly vectors: readonly Float32Array[] }
  | { readonly kind: 'failed'; readonly message: string };
