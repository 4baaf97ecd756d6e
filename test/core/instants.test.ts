import 'reflect-metadata';
import { DateTimeScalar } from '../../schema/scalars';

const shown = (make: () => unknown): unknown => {
  try {
    return make();
  } catch (error) {
    return (error as Error).name;
  }
};

const expectAsDate = (ms: number): void =>
  expect([ms, shown(() => DateTimeScalar.serialize(ms))]).toEqual([ms, shown(() => new Date(ms).toISOString())]);

describe('an instant', () => {
  it('is written as a Date writes it, on the same day as the one before and on another', () => {
    const noon = Date.UTC(2026, 10, 26, 12);
    for (const base of [noon, 0, -1, -86_400_000, Date.UTC(9999, 11, 31), Date.UTC(10_000, 0), -62_198_755_200_000])
      for (const ms of [0, 1, 9, 10, 99, 100, 999, 1_000, 59_999, 60_000, 3_599_999, 3_600_000, 43_199_999, 86_399_999])
        expectAsDate(base + ms);
  });

  it('is cut to a millisecond as a Date cuts it, and that says nothing of the next one', () => {
    for (const ms of [-0.5, -1, 0.5, 1, 86_399_999.9, 86_400_000, -0]) expectAsDate(ms);
  });

  it('is none beyond those that a Date has', () => {
    for (const ms of [8.64e15, 8.64e15 + 1, 8.64e15, -8.64e15, -8.64e15 - 1, NaN, Infinity]) expectAsDate(ms);
  });
});
