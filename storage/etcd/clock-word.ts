/** When the distance of a storage machine's clock is worth a word: past half of what is allowed, and again when it is back. Pure. */
import { skewMsMax } from './storage-time';

/** Past it somebody should look at the machine's clock, though it still writes. */
export const skewWarnMs = skewMsMax / 2;
/** Back below this it counts as right: a clock around the limit is not spoken of all the time. */
const skewRightMs = skewMsMax / 5;

/** `far`: a warning was given, or the process writes nothing. */
export type ClockState = 'right' | 'far' | 'refusing';

/** The state after a look; a word is due where it is another one. `skewMs` undefined: nothing to compare with. */
export function decideClockState(before: ClockState, skewMs: number | undefined): ClockState {
  const distanceMs = Math.abs(skewMs ?? 0);
  if (distanceMs > skewMsMax) return 'refusing';
  if (distanceMs > skewWarnMs) return 'far';
  return before !== 'right' && distanceMs > skewRightMs ? 'far' : 'right';
}
