import { Gates } from '../../src/store/gate';

/** Something that runs until it is let go, and what has happened so far. */
function runner(log: string[]): (name: string) => { run: () => Promise<string>; go: () => void } {
  return (name) => {
    let go: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (go = resolve));
    const run = async (): Promise<string> => {
      log.push(`${name} begins`);
      await gone;
      log.push(`${name} ends`);
      return name;
    };
    return { run, go };
  };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a gate', () => {
  it('lets many share it, one have it alone, in order of arrival', async () => {
    const gates = new Gates();
    const log: string[] = [];
    const make = runner(log);
    const [a, b, alone, c] = [make('a'), make('b'), make('alone'), make('c')];
    const all = [gates.shared('k', a.run), gates.shared('k', b.run), gates.exclusive('k', alone.run)];
    all.push(gates.shared('k', c.run));
    await turn();
    expect(log).toEqual(['a begins', 'b begins']);
    a.go();
    await turn();
    expect(log).toEqual(['a begins', 'b begins', 'a ends']);
    b.go();
    await turn();
    expect(log.slice(3)).toEqual(['b ends', 'alone begins']);
    alone.go();
    await turn();
    expect(log.slice(5)).toEqual(['alone ends', 'c begins']);
    c.go();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'alone', 'c']);
  });

  it('goes on after a failure, and keeps keys apart', async () => {
    const gates = new Gates();
    const failing = gates.exclusive('k', () => Promise.reject(new Error('failed')));
    const next = gates.exclusive('k', () => Promise.resolve(1));
    const forever = gates.exclusive('other', () => new Promise<never>(() => undefined));
    forever.catch(() => undefined);
    await expect(failing).rejects.toThrow('failed');
    expect(await next).toBe(1);
    expect(await gates.shared('k', () => Promise.resolve(2))).toBe(2);
  });
});
