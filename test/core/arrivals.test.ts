import { Arrivals } from '../../src/core/arrivals';

interface Item {
  readonly name: string;
}

const item = (name: string): Item => ({ name });
const namesOf = (arrivals: Arrivals<Item>): string[] => [...arrivals.values()].map(({ name }) => name);

describe('what waits under numbers given in turn', () => {
  it('finds each under its number until it is deleted', () => {
    const arrivals = new Arrivals<Item>();
    const next = arrivals.nextNumber;
    const a = arrivals.add(item('a'));
    const b = arrivals.add(item('b'));
    expect(a).toBe(next);
    expect(arrivals.get(a)).toEqual(item('a'));
    expect(arrivals.delete(a)).toBe(true);
    expect(arrivals.delete(a)).toBe(false);
    expect(arrivals.get(a)).toBeUndefined();
    expect(arrivals.get(b)).toEqual(item('b'));
    expect(arrivals.size).toBe(1);
  });

  it('knows nothing of numbers that it has not given yet, or gave long ago', () => {
    const arrivals = new Arrivals<Item>();
    const first = arrivals.add(item('first'));
    arrivals.delete(first);
    for (let at = 0; at < 1_000; at += 1) arrivals.delete(arrivals.add(item('gone')));
    const last = arrivals.add(item('last'));
    for (const number of [0, first, last - 64, last - 1, last + 1, last + 64, 2 ** 32 - 1])
      expect(arrivals.get(number)).toBeUndefined();
    expect(arrivals.get(last)).toEqual(item('last'));
  });

  it('keeps the order of arrival however many wait, and whichever goes first', () => {
    const arrivals = new Arrivals<Item>();
    const numbers = Array.from({ length: 300 }, (_, at) => arrivals.add(item(String(at))));
    for (const number of numbers) if (number % 3 !== 0) arrivals.delete(number);
    const left = numbers.flatMap((number, at) => (number % 3 === 0 ? [String(at)] : []));
    expect(namesOf(arrivals)).toEqual(left);
    expect(arrivals.size).toBe(left.length);
  });

  it('leaves out what is deleted, and what comes, while they are gone through', () => {
    const arrivals = new Arrivals<Item>();
    const numbers = ['a', 'b', 'c'].map((name) => arrivals.add(item(name)));
    const seen: string[] = [];
    for (const { name } of arrivals.values()) {
      seen.push(name);
      if (name !== 'a') continue;
      arrivals.delete(numbers[0]!);
      arrivals.delete(numbers[1]!);
      arrivals.add(item('d'));
    }
    expect(seen).toEqual(['a', 'c']);
  });

  it('goes on after the last number of 32 bits', () => {
    const arrivals = new Arrivals<Item>(2 ** 32 - 2);
    const numbers = ['a', 'b', 'c', 'd'].map((name) => arrivals.add(item(name)));
    expect(numbers).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0, 1]);
    arrivals.delete(numbers[1]!);
    expect(namesOf(arrivals)).toEqual(['a', 'c', 'd']);
    for (let at = 0; at < 200; at += 1) arrivals.add(item('more'));
    expect(numbers.map((number) => arrivals.get(number)?.name)).toEqual(['a', undefined, 'c', 'd']);
  });
});
