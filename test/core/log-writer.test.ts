/** Rows of the change log, and the memory that they are written in over and over. */
import type { Change } from '../../proto/store';
import type { CommitChanges } from '../../storage/engine';
import { LogWriter, decodeLogRow, logRowTime } from '../../storage/engines/lmdb-format';

function commit(revision: number, ...valueBytes: number[]): CommitChanges {
  const changes = valueBytes.map((bytes, index): Change => {
    const key = Buffer.from(`key ${revision} ${index}`);
    return { kind: 'put', key, revision, value: Buffer.alloc(bytes, revision), expiresAtMs: revision * 2 ** 33 };
  });
  const removed: Change = { kind: 'delete', key: Buffer.from('k'), revision, value: undefined, expiresAtMs: 0 };
  return { revision, changes: [...changes, removed] };
}

function written(writer: LogWriter, nowMs: number, commits: readonly CommitChanges[]): number[] {
  writer.begin(nowMs);
  for (const each of commits) writer.add(each);
  const rows = writer.finish();
  expect(rows.flatMap(({ bytes }) => decodeLogRow(bytes))).toEqual(commits);
  expect(new Set(rows.map(({ bytes }) => logRowTime(bytes)))).toEqual(new Set(rows.length > 0 ? [nowMs] : []));
  return rows.map(({ lastRevision }) => lastRevision);
}

it('puts small commits together and closes a row when it is full, however the memory grows meanwhile', () => {
  const writer = new LogWriter();
  const small = Array.from({ length: 10 }, (_, index) => commit(index + 1, 10));
  expect(written(writer, 1, small)).toEqual([10]);
  // The memory has 64 KiB to begin with: it grows between rows, within one, and within one commit.
  const large = [commit(11, 60_000), commit(12, 10), commit(13, 10_000), commit(14, 1), commit(15, 70_000, 200_000)];
  expect(written(writer, 2 ** 40, large)).toEqual([11, 13, 15]);
  expect(written(writer, 3, [commit(16, 5), ...large.slice(0, 2)])).toEqual([11, 12]);
});

it('gives nothing for a group without changes, whatever the one before had', () => {
  const writer = new LogWriter();
  written(writer, 1, [commit(1, 5_000)]);
  expect(written(writer, 2, [])).toEqual([]);
  expect(written(writer, 3, [commit(2, 3)])).toEqual([2]);
});
