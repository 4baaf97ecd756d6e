/** What a bounded map forgets, and when. */
import { BoundedMap } from '../../src/core/bounded-map';

describe('a bounded map', () => {
  it('forgets what was not used for longest, once it is full', () => {
    const forgotten: string[] = [];
    const map = new BoundedMap<string, string>({ entriesMax: 3, onEvict: (value) => forgotten.push(value) });
    for (const each of ['a', 'b', 'c']) map.set(each, each);
    expect([map.get('a'), map.peek('b')]).toEqual(['a', 'b']);
    map.set('d', 'd');
    expect([map.size, [...map.keys()].sort(), forgotten]).toEqual([3, ['a', 'c', 'd'], ['b']]);
  });

  it('keeps within its weight, and does not keep what is too heavy alone', () => {
    const map = new BoundedMap<string, number>({ weightMax: 10, weigh: (value) => value });
    map.set('a', 4);
    map.set('b', 4);
    map.set('b', 6);
    expect([map.weight, map.size]).toEqual([10, 2]);
    map.set('c', 5);
    expect([map.weight, [...map.keys()]]).toEqual([5, ['c']]);
    map.set('c', 11);
    expect([map.weight, map.size, map.delete('c')]).toEqual([0, 0, false]);
  });

  it('takes no long time to make room where everything was used, and keeps what is new', () => {
    const map = new BoundedMap<number, number>({ entriesMax: 1_000 });
    for (let index = 0; index < 1_000; index += 1) map.set(index, index);
    for (let index = 0; index < 1_000; index += 1) map.get(index);
    map.set(1_000, 1_000);
    // The first sixteen were spared, and stand behind the others now.
    expect([map.size, map.peek(16), map.peek(1_000)]).toEqual([1_000, undefined, 1_000]);
    expect([...map.keys()].slice(-2)).toEqual([15, 1_000]);
  });

  it('forgets on request, and can be emptied', () => {
    const map = new BoundedMap<string, number>({});
    expect(map.evict()).toBe(false);
    map.set('a', 1);
    map.set('b', 1);
    expect([map.evict(), map.peek('a'), map.weight]).toEqual([true, undefined, 1]);
    map.clear();
    expect([map.size, map.weight, map.get('b')]).toEqual([0, 0, undefined]);
  });
});
