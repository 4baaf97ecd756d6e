/** Whether streams have neither gap nor double, whether all readers were given the same, and whether it is what was acknowledged. */

export interface PlacedEvent {
  readonly streamId: string;
  readonly eventId: string;
  readonly version: number;
  readonly position: number;
}

export interface StreamHistory {
  readonly acknowledged: readonly PlacedEvent[];
  /** Events whose appends were refused: they must stand nowhere. */
  readonly refused: readonly string[];
  /** Who read what, in the order in which it came: of all streams, from the first event on. */
  readonly readers: Readonly<Record<string, readonly PlacedEvent[]>>;
  /** What stands in the end. */
  readonly stored: readonly PlacedEvent[];
}

/** What is wrong with it; empty: nothing. */
export function streamFaults({ acknowledged, refused, readers, stored }: StreamHistory): string[] {
  const standing = new Map(stored.map((event) => [event.eventId, show(event)]));
  const faults = orderFaultsOf('what is stored', stored);
  if (standing.size !== stored.length) faults.push('an event is stored twice');
  for (const event of acknowledged)
    if (standing.get(event.eventId) !== show(event))
      faults.push(`${show(event)} was acknowledged, stored is ${standing.get(event.eventId) ?? 'nothing'}`);
  for (const eventId of refused) if (standing.has(eventId)) faults.push(`${eventId} was refused, and is stored`);
  const expected = stored.map(show);
  for (const [reader, events] of Object.entries(readers)) {
    faults.push(...orderFaultsOf(reader, events));
    const at = expected.findIndex((text, index) => !events[index] || show(events[index]) !== text);
    if (at >= 0) faults.push(`${reader} was given ${events[at] ? show(events[at]) : 'nothing'} for ${expected[at]}`);
    else if (events.length > expected.length) faults.push(`${reader} was given more than is stored`);
  }
  return faults;
}

/** Versions of a stream go up by one, positions of all go up. */
function orderFaultsOf(reader: string, events: readonly PlacedEvent[]): string[] {
  const faults: string[] = [];
  const versions = new Map<string, number>();
  let position = 0;
  for (const event of events) {
    const version = versions.get(event.streamId) ?? 0;
    if (event.version !== version + 1) faults.push(`${reader}: ${show(event)} comes behind version ${version}`);
    if (event.position <= position) faults.push(`${reader}: ${show(event)} comes behind position ${position}`);
    versions.set(event.streamId, event.version);
    position = event.position;
  }
  return faults;
}

function show({ streamId, eventId, version, position }: PlacedEvent): string {
  return `${streamId}/${version} ${eventId} at ${position}`;
}
