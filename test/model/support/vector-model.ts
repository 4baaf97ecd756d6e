/**
 * What must hold of vectors under any interleaving of gateways, lost messages, resends, dropped indexes, an index in storage that lags
 * and now and then is lost: a strong search shows for each vector a state that stood while it ran, of an index that was there then; what is
 * sent again under its key is written once; the counted size is the number of rows; of dropped indexes nothing is left.
 */
import type { CommitOutcome, Store, Transaction } from '../../../proto/store';
import { systemClock } from '../../../src/core/clock';
import { isAppError } from '../../../src/core/errors';
import { families, familyRange, vectorLifeRange } from '../../../src/core/keyspace';
import { decodeVectorRow } from '../../../src/core/vector-row';
import { decodeHead } from '../../../src/patterns/vector-decisions';
import type { Patterns } from '../../../src/patterns/patterns';
import type { Indexes } from '../../../storage/vectors/indexes';
import { VectorStore } from '../../../storage/vectors/vector-store';
import { LocalIndexes } from '../../support/local-indexes';
import type { Breakage } from './broken-stores';
import type { Network } from './network';
import { Simulation } from './simulation';
import type { Moment, SimulationOptions } from './simulation';

const gateways = 3;
const namespaces = ['one', 'two'] as const;
const ids = ['a', 'b', 'c', 'd', 'e'] as const;
const dimensions = 2;

export interface VectorFault {
  /** Between a gateway and the store. */
  readonly store?: Breakage;
  /** Between the indexes and the store under them. */
  readonly rows?: Breakage;
}

/** An index whose changes arrive when the dice say so. */
class SlowIndexes extends LocalIndexes {
  readonly #network: Network;

  constructor(network: Network) {
    super(systemClock);
    this.#network = network;
  }

  override async apply(...given: Parameters<Indexes['apply']>): ReturnType<Indexes['apply']> {
    await this.#network.pass();
    return super.apply(...given);
  }
}

interface State {
  readonly revision: number;
  /** Undefined: absent. */
  readonly value: Buffer | undefined;
}

/** Every state of every row, as the store committed them. */
class History {
  readonly #states = new Map<string, State[]>();

  note({ writes }: Transaction, outcome: CommitOutcome): void {
    if (outcome.kind !== 'committed') return;
    for (const write of writes) {
      const key = write.key.toString('latin1');
      const states = this.#states.get(key) ?? [];
      this.#states.set(key, states);
      states.push({ revision: outcome.revision, value: write.kind === 'put' ? write.value : undefined });
    }
  }

  keys(): string[] {
    return [...this.#states.keys()];
  }

  statesOf(key: string): readonly State[] {
    return this.#states.get(key) ?? [];
  }

  /** What stood under a key at some moment of the span, or at its beginning. */
  during(key: string, from: Moment, to: Moment): (Buffer | undefined)[] {
    const states = this.statesOf(key);
    const before = states.filter(({ revision }) => revision <= from.revision).at(-1);
    const within = states.filter(({ revision }) => revision > from.revision && revision <= to.revision);
    return [before?.value, ...within.map(({ value }) => value)];
  }
}

function recording(store: Store, history: History): Store {
  return {
    read: (ranges, options) => store.read(ranges, options),
    commit: async (transactions, options) => {
      const outcomes = await store.commit(transactions, options);
      for (const [at, transaction] of transactions.entries()) history.note(transaction, outcomes[at]!);
      return outcomes;
    },
    watch: (ranges, options) => store.watch(ranges, options),
    search: (request, options) => store.search(request, options),
    status: () => store.status(),
    close: () => store.close(),
  };
}

interface Search {
  readonly namespace: string;
  readonly from: Moment;
  readonly to: Moment;
  /** First numbers of the vectors by id; undefined: there was no such index. */
  readonly shown: ReadonlyMap<string, number> | undefined;
}

/** An insert that was acknowledged. */
interface Written {
  readonly number: number;
  readonly namespace: string;
  readonly ids: readonly string[];
  readonly revision: number;
}

export async function runVectors(seed: number, fault: VectorFault = {}): Promise<string[]> {
  const history = new History();
  const made: SlowIndexes[] = [];
  const storage: SimulationOptions['storage'] = (store, { network, clock }) => {
    const makeIndexes = (): Indexes => {
      made.push(new SlowIndexes(network));
      return made.at(-1)!;
    };
    const recorded = recording(store, history);
    return new VectorStore({ store: fault.rows ? fault.rows(recorded) : recorded, clock, makeIndexes, graphFrom: 3 });
  };
  const simulation = new Simulation(seed, { gateways, breakage: fault.store, storage });
  const { chance } = simulation;
  const searches: Search[] = [];
  const written: Written[] = [];
  let numbers = 0;

  const insert = async (namespace: string): Promise<void> => {
    const number = (numbers += 1);
    const named = [...new Set(Array.from({ length: 1 + chance.whole(3) }, () => chance.pick(ids)))];
    const vectors = named.map((id) => ({ id, vector: [number, 0] }));
    const input = { namespace, vectors, idempotencyKey: `i${number}` };
    const send = ({ vectors: all }: Patterns) => all.insert(input);
    const sent = chance.happens(0.7) ? await simulation.untilAnswered(send) : [await simulation.once(send)];
    for (const { result } of sent) {
      if (result.kind !== 'answered' || result.outcome.kind !== 'inserted') continue;
      written.push({ number, namespace, ids: named, revision: result.outcome.revision });
    }
  };
  const remove = async (namespace: string): Promise<void> => {
    const id = chance.pick(ids);
    await simulation.untilAnswered(({ vectors }) =>
      vectors.delete({ namespace, id, idempotencyKey: `d${(numbers += 1)}` }),
    );
  };
  const search = async (namespace: string): Promise<void> => {
    const { from, to, result } = await simulation.once(async ({ vectors }) => {
      const near = { vector: [0, 0] };
      const asked = { namespace, near, k: 100, consistency: 'strong', withVectors: true } as const;
      try {
        return await vectors.search(asked);
      } catch (error) {
        if (isAppError(error, 'NOT_FOUND')) return undefined;
        throw error;
      }
    });
    if (result.kind !== 'answered') return;
    const shown = result.outcome && new Map(result.outcome.matches.map(({ id, vector }) => [id, vector![0]!]));
    searches.push({ namespace, from, to, shown });
  };
  const make = async (namespace: string): Promise<void> => {
    const input = { namespace, dimensions, distance: 'euclidean', isExact: chance.happens(0.3) } as const;
    await simulation.once(({ vectors }) => vectors.create(input));
  };
  const drop = async (namespace: string): Promise<void> => {
    await simulation.once(({ vectors }) => vectors.drop({ namespace }));
  };
  const lose = async (): Promise<void> => {
    await made.at(-1)?.stop();
  };
  for (const namespace of namespaces)
    await simulation.near.vectors.create({ namespace, dimensions, distance: 'euclidean', isExact: false });
  const callers = Array.from({ length: 6 }, async () => {
    for (let round = 0; round < 7; round += 1) {
      const action = chance.pick([
        insert,
        insert,
        insert,
        insert,
        search,
        search,
        search,
        search,
        remove,
        remove,
        make,
      ]);
      await (chance.happens(0.06) ? drop : chance.happens(0.03) ? lose : action)(chance.pick(namespaces));
    }
  });
  await simulation.run(callers);
  await simulation.run([search('one'), search('two')]);
  const faults = [...searches.flatMap((each) => searchFaults(each, history)), ...writeFaults(written, history)];
  faults.push(...(await endFaults(simulation)));
  await Promise.all([simulation.close(), ...made.map((each) => each.stop())]);
  return faults;
}

/** A search shows one generation of its index that was there while it ran, and each of its vectors as it was at some moment then. */
function searchFaults({ namespace, from, to, shown }: Search, history: History): string[] {
  const headKey = Buffer.concat([Buffer.of(families.vectorIndex.code, 1), Buffer.from(namespace)]).toString('latin1');
  const heads = history.during(headKey, from, to).map((value) => decodeHead(value).index);
  const what = `a search of ${namespace} at ${from.revision} to ${to.revision}`;
  if (!shown) return heads.includes(undefined) ? [] : [`${what} found no index`];
  const faults = heads.flatMap((index) => {
    if (!index) return [];
    const found = ids.flatMap((id) => {
      const { start } = vectorLifeRange('vector', { owner: 'caller', namespace, generation: index.generation });
      const stood = history
        .during(Buffer.concat([start, Buffer.from(id)]).toString('latin1'), from, to)
        .map((value) => value && decodeVectorRow(value).vector[0]);
      return stood.includes(shown.get(id))
        ? []
        : [`${what} shows ${id} as ${shown.get(id)}, where stood ${stood.join()}`];
    });
    return [found];
  });
  if (faults.length === 0) return [`${what} found an index that was dropped`];
  return faults.some((each) => each.length === 0) ? [] : faults[0]!;
}

/** Each insert has a number of its own. Another command in the same commit may have written over it. */
function writeFaults(written: readonly Written[], history: History): string[] {
  const commits = new Map<number, Set<number>>();
  const writes = new Set<string>();
  for (const key of history.keys()) {
    if (key.charCodeAt(0) !== families.vector.code) continue;
    const id = key.slice(-1);
    for (const { revision, value } of history.statesOf(key)) {
      writes.add(`${id} @${revision}`);
      if (!value) continue;
      const number = decodeVectorRow(value).vector[0]!;
      commits.set(number, (commits.get(number) ?? new Set()).add(revision));
    }
  }
  return [
    ...[...commits].filter(([, { size }]) => size > 1).map(([number]) => `insert ${number} was done more than once`),
    ...written.flatMap(({ number, ids: named, revision }) =>
      named.every((id) => writes.has(`${id} @${revision}`)) ? [] : [`insert ${number} was acknowledged and not done`],
    ),
  ];
}

async function endFaults({ near, store, clock }: Simulation): Promise<string[]> {
  const faults: string[] = [];
  const indexes = await near.vectors.indexes();
  let isSwept = false;
  const swept = near.vectors.swept().then(() => (isSwept = true));
  while (!isSwept) {
    clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await swept;
  const { results } = await store.read([familyRange('vector')]);
  const rows = results[0]!.entries.length;
  const counted = indexes.reduce((sum, { size }) => sum + size, 0);
  if (rows !== counted) faults.push(`${counted} vectors are counted, ${rows} rows are there`);
  return faults;
}
