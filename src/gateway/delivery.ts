/**
 * One payload as equal subscriptions are given it: its JSON once, the bytes of each transport once. What differs between two
 * subscribers is the id of their operation alone, which stands before the payload in a message of graphql-transport-ws: a
 * frame is that beginning and the shared bytes.
 */
import type { Writable } from 'node:stream';
import { placeIn } from './resumable';
import type { Place, Standing } from './resumable';

/** Up to so many bytes are copied behind their beginning, so that a frame is one buffer and one call of the system. */
const copiedBytesMax = 4_096;

const payloadEnd = '}';

/** What every message of a subscription begins with. */
export class MessageHead {
  readonly id: string;
  readonly bytes: Buffer;

  constructor(id: string) {
    this.id = id;
    this.bytes = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`, 'utf8');
  }
}

export class Delivery {
  readonly json: string;
  /** Behind it; undefined where the field cannot be gone on with. */
  readonly place: Standing | undefined;
  /** Of the place, where there are several. */
  readonly life: number | undefined;
  #payload: Buffer | undefined;
  #event: Buffer | undefined;
  /** The frame that was made last, and for which id: many clients count their operations from 1. */
  #frame: { readonly id: string; readonly bytes: Buffer } | undefined;

  constructor(json: string, place: Standing | undefined, life?: number) {
    this.json = json;
    this.place = place;
    this.life = life;
  }

  /** Writes it as a whole WebSocket frame: text, unmasked, in one piece. */
  writeFrame(writable: Writable, head: MessageHead): void {
    const payload = (this.#payload ??= Buffer.from(this.json + payloadEnd, 'utf8'));
    if (payload.length > copiedBytesMax) {
      writable.cork();
      writable.write(frameBeginning(head.bytes, payload.length));
      writable.write(payload);
      writable.uncork();
      return;
    }
    if (this.#frame?.id !== head.id) {
      const bytes = Buffer.concat([frameBeginning(head.bytes, payload.length), payload]);
      this.#frame = { id: head.id, bytes };
    }
    writable.write(this.#frame!.bytes);
  }

  /** As a server-sent event. */
  get event(): Buffer {
    this.#event ??= Buffer.from(nextEvent(this.json, placeIn(this.place)), 'utf8');
    return this.#event;
  }
}

/** A `next` event. An id that the format cannot hold is left out. */
export function nextEvent(json: string, place?: Place): string {
  const id = place === undefined || /[\r\n\0]/.test(String(place)) ? '' : `id: ${place}\n`;
  return `event: next\n${id}data: ${json}\n\n`;
}

const finalText = 0x81;

/** Header of a frame, and the first part of its payload. */
function frameBeginning(first: Buffer, restBytes: number): Buffer {
  const bytes = first.length + restBytes;
  const headerBytes = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const beginning = Buffer.allocUnsafe(headerBytes + first.length);
  beginning[0] = finalText;
  if (headerBytes === 2) beginning[1] = bytes;
  else if (headerBytes === 4) {
    beginning[1] = 126;
    beginning.writeUInt16BE(bytes, 2);
  } else {
    beginning[1] = 127;
    beginning.writeUInt32BE(0, 2);
    beginning.writeUInt32BE(bytes, 6);
  }
  first.copy(beginning, headerBytes);
  return beginning;
}
