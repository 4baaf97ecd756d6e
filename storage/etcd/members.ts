/** The members of etcd, as they answer now: who leads, who follows, who cannot be reached. Looked at once a second at the most. */
import type { StoreNode } from '../../proto/store';
import type { Clock } from '../../src/core/clock';
import type { EtcdChannel } from './channel';
import { methods } from './messages';
import type { StatusResponse } from './messages';

export interface MembersView {
  readonly nodes: readonly StoreNode[];
  /** The same for the same members, whatever they do. */
  readonly identity: string;
}

const freshMs = 1_000;

export class Members {
  readonly #channel: EtcdChannel;
  readonly #clock: Clock;
  #view: Promise<MembersView> | undefined;
  #atMs = 0;

  constructor(channel: EtcdChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  view(): Promise<MembersView> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#view && nowMs - this.#atMs < freshMs) return this.#view;
    this.#atMs = nowMs;
    const view = this.#look();
    view.catch(() => {
      if (this.#view === view) this.#view = undefined;
    });
    return (this.#view = view);
  }

  async #look(): Promise<MembersView> {
    const { members } = await this.#channel.ask(methods.memberList, {});
    const addresses = members.map(({ clientUrls }) => (clientUrls[0] ?? '').replace(/^https?:\/\//, ''));
    this.#channel.keepOnly(new Set(addresses));
    const answers = await Promise.all(
      addresses.map((address) =>
        address === '' ? undefined : this.#channel.askAt(address, methods.status, {}).catch(() => undefined),
      ),
    );
    const leader = leaderOf(answers);
    const nodes = members.map(({ id, name }, index): StoreNode => {
      const address = addresses[index]!;
      // A member that does not answer does not lead, whatever others still believe.
      const role = !answers[index] ? 'unreachable' : id === leader ? 'leader' : 'follower';
      return { id: name || address || String(id), address, role };
    });
    nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
    return { nodes, identity: nodes.map(({ id, address }) => `${id}=${address}`).join(' ') };
  }
}

/** Who most of those that answer say leads. */
function leaderOf(answers: readonly (StatusResponse | undefined)[]): number | undefined {
  const votes = new Map<number, number>();
  for (const answer of answers)
    if (answer && answer.leader !== 0) votes.set(answer.leader, (votes.get(answer.leader) ?? 0) + 1);
  return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0];
}
