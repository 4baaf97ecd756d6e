import { UnderWay } from '../../src/core/under-way';

describe('calls that are under way', () => {
  it('is idle when all have ended, however they ended', async () => {
    const underWay = new UnderWay();
    await underWay.idle();
    let finish: (text: string) => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const first = underWay.run(() => new Promise<string>((resolve) => (finish = resolve)));
    const second = underWay.run(() => new Promise<string>((_, reject) => (fail = reject)));
    let isIdle = false;
    const idle = underWay.idle().then(() => (isIdle = true));
    finish('done');
    expect(await first).toBe('done');
    expect(isIdle).toBe(false);
    fail(new Error('broken'));
    await expect(second).rejects.toThrow('broken');
    await idle;
  });

  it('passes on what is thrown before there is a promise', async () => {
    const underWay = new UnderWay();
    const call = (): Promise<void> => {
      throw new Error('at once');
    };
    await expect(underWay.run(call)).rejects.toThrow('at once');
    await underWay.idle();
  });
});
