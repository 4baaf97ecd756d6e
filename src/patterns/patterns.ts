/** All patterns over one tenant's scope of the store. */
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import type { Store } from '../../proto/store';

export interface PatternsDependencies {
  /** Scoped to one tenant. */
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

// Replaced by the real list as the patterns are built (resolvers' owner).
export type Patterns = Record<string, unknown>;

export function makePatterns(_dependencies: PatternsDependencies): Patterns {
  return {};
}
