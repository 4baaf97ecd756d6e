/** The version of the protocol between gateway and storage, and who may speak with whom. */

/** Rises when an older peer would misunderstand; a server also serves the major before its own. */
export const protocolMajor = 1;
/** Rises with additions that an older peer may ignore. */
export const protocolMinor = 1;

export type HelloVerdict =
  { readonly kind: 'served'; readonly major: number } | { readonly kind: 'refused'; readonly reason: string };

/** What a server of `ownMajor` answers to a client of `clientMajor`. */
export function judgeClient(clientMajor: number, ownMajor: number = protocolMajor): HelloVerdict {
  if (clientMajor === ownMajor || (clientMajor === ownMajor - 1 && clientMajor >= 1))
    return { kind: 'served', major: clientMajor };
  const side = clientMajor < ownMajor ? 'gateway' : 'storage';
  const spoken = ownMajor > 1 ? `${ownMajor - 1} and ${ownMajor}` : `${ownMajor}`;
  const reason = `storage speaks protocol ${spoken}, the gateway speaks ${clientMajor}: upgrade the ${side}`;
  return { kind: 'refused', reason };
}

/** Why a client of `ownMajor` cannot go on with a server that answered `serverMajor`; undefined where it can. */
export function faultOfServer(serverMajor: number, ownMajor: number = protocolMajor): string | undefined {
  if (serverMajor === ownMajor) return undefined;
  const side = serverMajor < ownMajor ? 'storage' : 'gateway';
  return `the gateway speaks protocol ${ownMajor}, storage answered with ${serverMajor}: upgrade the ${side}`;
}
