/** What is said and shown of a storage machine's clock: in the log of storage, and in the gateway's metrics. */
import type { Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import type { Logger } from '../core/telemetry';
import { statusReader } from './status-reader';

/** Says it in the log when the clock is far off, when nothing is written for it, and when it is right again. */
export function clockReporter(
  logger: Logger,
): (state: 'right' | 'far' | 'refusing', skewMs: number | undefined) => void {
  return (state, skewMs) => {
    const fields = { skewMs: Math.round(skewMs ?? 0) };
    if (state === 'right') logger.info(fields, "this storage machine's clock is right again");
    else if (state === 'far') logger.warn(fields, "this storage machine's clock is off: set it right");
    else logger.error(fields, "this storage machine's clock is too far off: storage writes nothing");
  };
}

/** Gives the skew of the storage behind this gateway in milliseconds, whenever it is asked for: the last one known, where storage is silent. */
export function clockSkewReader(store: Pick<Store, 'status'>, clock: Clock): () => Promise<number> {
  return statusReader(store, clock, { read: ({ clockSkewMs = 0 }) => clockSkewMs, first: 0 });
}
