import type { Entry } from '../../proto/store';
import { Fifo } from '../../src/core/fifo';
import { LaneMemory } from '../../src/store/lane-memory';

const key = Buffer.from('k');
const entry = (value: string | Buffer, revision = 1): Entry => ({
  key,
  value: Buffer.from(value),
  revision,
  expiresAtMs: 7,
});

describe('the memory of lanes', () => {
  it('gives back what it was given, absence too', () => {
    const memory = new LaneMemory();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    memory.set('a', { entry: entry(bytes, 3), asOf: 5 });
    memory.set('b', { entry: undefined, asOf: 6 });
    expect(memory.get('a', key)).toEqual({ entry: entry(bytes, 3), asOf: 5 });
    expect(memory.get('b', key)).toEqual({ entry: undefined, asOf: 6 });
    expect(memory.get('c', key)).toBeUndefined();
    memory.drop('a');
    expect(memory.get('a', key)).toBeUndefined();
  });

  it('does not let older knowledge replace newer', () => {
    const memory = new LaneMemory();
    memory.set('a', { entry: entry('new', 5), asOf: 5 });
    memory.set('a', { entry: entry('old', 3), asOf: 4 });
    expect(memory.get('a', key)?.entry?.revision).toBe(5);
    memory.set('a', { entry: undefined, asOf: 6 });
    expect(memory.get('a', key)).toEqual({ entry: undefined, asOf: 6 });
  });

  it('holds no part of the message that an entry came in', () => {
    const memory = new LaneMemory();
    const message = Buffer.alloc(1_000, 1);
    memory.set('a', { entry: { ...entry(''), value: message.subarray(10, 20) }, asOf: 1 });
    message.fill(2);
    expect(memory.get('a', key)?.entry?.value).toEqual(Buffer.alloc(10, 1));
  });

  it('forgets what was not used for longest where it is full, and keeps nothing that is large', () => {
    const memory = new LaneMemory(10_000);
    for (let index = 0; index < 100; index += 1) {
      memory.set(`k${index}`, { entry: entry('v'), asOf: index });
      memory.get('k0', key);
    }
    const kept = Array.from({ length: 100 }, (_, index) => memory.get(`k${index}`, key) !== undefined);
    expect(kept.filter(Boolean).length).toBeLessThanOrEqual(50);
    expect([kept[0], kept[1], kept[99]]).toEqual([true, false, true]);
    const large = new LaneMemory();
    large.set('a', { entry: entry('small'), asOf: 1 });
    large.set('a', { entry: entry(Buffer.alloc(65_537)), asOf: 2 });
    expect(large.get('a', key)).toBeUndefined();
  });
});

describe('the queue of a lane', () => {
  it('is first in, first out, also over many thousands, with what is put back in front', () => {
    const queue = new Fifo<number>();
    const out: number[] = [];
    for (let number = 0; number < 10_000; number += 1) {
      queue.push(number);
      if (number % 3 === 0) out.push(queue.shift()!);
      if (number === 5_000) queue.putBack([out.pop()!]);
    }
    while (queue.length > 0) {
      expect(queue.first).toBe(out.length);
      out.push(queue.shift()!);
    }
    expect(out).toEqual(Array.from({ length: 10_000 }, (_, number) => number));
    expect([queue.shift(), queue.first, queue.length]).toEqual([undefined, undefined, 0]);
  });
});
