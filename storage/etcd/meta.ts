/**
 * What an etcd prefix is: the format and id of the store in it, its epoch, and what is added to etcd's revisions where they are
 * shown (`bases.ts` says from where on). A later format is refused, and left as it is.
 */
import { decodeRecord, encodeRecord } from '../../src/core/codec';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import type { EtcdChannel } from './channel';
import type { Layout } from './layout';
import { formatByte } from './layout';
import { getOp, isAbsent, isAtRevision, methods, putOp } from './messages';
import type { KeyValue } from './messages';

export interface Meta {
  readonly format: number;
  readonly storeId: string;
  /** Rises with every start of a storage process and every change of etcd's members. */
  readonly epoch: number;
  /** The members of etcd when the epoch last rose. */
  readonly members: string;
  /** The newest, so that a program that knows none of it does not open the store. */
  readonly base: number;
  /** Where the history of the store begins. */
  readonly beginning: number;
}

/** Of the rows that this program writes. */
const format = 1;

/** Throws INTERNAL where it is of a later program, or no store of ours. */
export function decodeMeta({ value }: KeyValue): Meta {
  const meta = decodeRecord<Meta>(formatByte, value);
  if (meta.format === format) return meta;
  throw new AppError(
    'INTERNAL',
    `the data in etcd has the format ${meta.format}, this program knows format ${format}: use the program that wrote it, or a later one`,
  );
}

/** Changes what stands, or makes it; tries again where somebody else did. Gives what stands then. */
export async function changeMeta(
  { channel, layout }: { readonly channel: EtcdChannel; readonly layout: Layout },
  change: (meta: Meta | undefined, revision: number) => Meta,
): Promise<Meta> {
  const read = { compare: [], success: [getOp(layout.meta)], failure: [] };
  for (;;) {
    const { header, responses } = await channel.ask(methods.txn, read);
    const [row] = responses[0]!.responseRange!.kvs;
    const meta = row && decodeMeta(row);
    const next = change(meta, header!.revision);
    if (next === meta) return next;
    const { succeeded } = await channel.ask(methods.txn, {
      compare: [row ? isAtRevision(layout.meta, row.modRevision) : isAbsent(layout.meta)],
      success: [putOp(layout.meta, encodeRecord(formatByte, next))],
      failure: [],
    });
    if (succeeded) return next;
  }
}

/** A storage process starts. */
export function started(
  meta: Meta | undefined,
  { revision, members, ids }: { readonly revision: number; readonly members: string; readonly ids: Ids },
): Meta {
  if (meta) return { ...meta, members, epoch: meta.epoch + 1 };
  return { format, storeId: ids.uuid(), epoch: 1, members, base: 0, beginning: revision };
}
