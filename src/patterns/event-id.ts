/**
 * Ids of events that callers leave to us. Such an id says which version its event has, so that the event itself is all that has to be
 * looked at to know whether the id is taken: no row leads from the id to the event, as one does for an id that a caller chose.
 *
 * A UUID of version 8 (RFC 9562, 5.8), laid out as version 7 is: the event's version in the 48 bits where a time stands there, then 74
 * random bits, so that ids of different streams do not meet either.
 */
import { stampUuid } from '../core/ids';

const pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** `version`: below 2^48, which a hundred thousand events a second reach in 89 years. `uuid`: a random one. */
export function makeEventId(version: number, uuid: string): string {
  return stampUuid(version, 8, uuid);
}

/** The version that an event must have for the id to be one that was made for it; undefined: the id was not made here. */
export function versionOfMadeId(eventId: string): number | undefined {
  const match = pattern.exec(eventId);
  const version = match ? Number.parseInt(match[1]! + match[2]!, 16) : 0;
  return version === 0 ? undefined : version;
}
