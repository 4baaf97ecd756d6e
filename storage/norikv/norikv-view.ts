/** What NoriKV's clients are shown of the cluster: the epoch of a view, and an address that they can dial. Pure. */
import type { StoreStatus } from '../../proto/store';
import { revisionsSkipped } from '../backup/import-steps';

/** More starts than a store ever sees. */
const startsMax = 1_000_000_000;

/**
 * Rises with every start of a storage process, and past all that the store before had shown where a backup was imported: that raises
 * revisions by more than they grow otherwise. Below 2^53.
 */
export function viewEpoch({ epoch, revision }: Pick<StoreStatus, 'epoch' | 'revision'>): number {
  return Math.floor(revision / revisionsSkipped) * startsMax + epoch;
}

/** An address of this machine, as the system lists them. */
export interface MachineAddress {
  readonly address: string;
  readonly family: string;
  /** Reached from this machine alone. */
  readonly internal: boolean;
}

export interface Listening {
  /** As it was configured; `0.0.0.0` and `::` are all addresses of the machine. */
  readonly host: string;
  readonly port: number;
  /** What clients are to dial: a host, or a host and a port, an IPv6 address in brackets. Undefined: the address that it listens on. */
  readonly advertised: string | undefined;
  readonly addresses: readonly MachineAddress[];
}

/** What clients dial. Where it listens on all addresses: the first one that others than this machine reach. */
export function addressToDial({ host, port, advertised, addresses }: Listening): string {
  if (advertised !== undefined) return /:\d+$/.test(advertised) ? advertised : `${advertised}:${port}`;
  const isAny = host === '0.0.0.0' || host === '::';
  if (!isAny) return `${bracketed(host)}:${port}`;
  const outward = addresses.filter(({ address, internal }) => !internal && !address.startsWith('fe80:'));
  const own = outward.find(({ family }) => family === 'IPv4') ?? (host === '::' ? outward[0] : undefined);
  return `${bracketed(own?.address ?? (host === '::' ? '::1' : '127.0.0.1'))}:${port}`;
}

/** As a part of an address. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
