/** What a part of an index found: a slot, and how far it is by the part's own measure. */
export interface SegmentHit {
  readonly slot: number;
  readonly distance: number;
}
