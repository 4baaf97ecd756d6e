/**
 * What must hold of meaning under any interleaving. Three runs: `duplicates` (no two fingerprints are ever near), `documents` (text, metadata and
 * vector are one, and a search sees what was acknowledged), `tastes` (every interaction counts once).
 */
import { keyspace } from '../../../src/core/keyspace';
import type { DeduplicationResult } from '../../../src/patterns/deduplication';
import { decodeTaste, remakeTaste } from '../../../src/patterns/recommendation-taste';
import type { InteractionOutcome } from '../../../src/patterns/recommendation';
import { byAngle, similarityOf } from '../../support/angles';
import type { Breakage } from './broken-stores';
import { countTakenTexts, standingInteractions, standingVectors } from './meaning-rows';
import { Simulation } from './simulation';
import type { Moment, Sent } from './simulation';

const gateways = 3;

// --- duplicates --------------------------------------------------------------------------------------------------

const collection = 'c';
/** Neighbours are too near, the others are not. */
const texts = ['0', '4', '8', '40', '44', '48', '80'];
const threshold = Math.cos((5 * Math.PI) / 180);

interface Checked {
  readonly id: string;
  readonly content: string;
  readonly sent: Sent<DeduplicationResult>;
}

/** No two fingerprints are ever too near, and whoever is told of a duplicate is told of one that stood while it waited. */
export async function runDuplicates(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage, embeddings: byAngle });
  const { chance, store } = simulation;
  const faults: string[] = [];
  const checked: Checked[] = [];
  const removals: Removal[] = [];
  /** Texts by id, after every step. */
  const timeline: Map<string, string>[] = [new Map()];

  const check = async (id: string, content: string): Promise<void> => {
    const sent = await simulation.once(({ deduplication }) =>
      deduplication.check({ id, content, threshold, collection }),
    );
    checked.push({ id, content, sent });
  };
  const remove = async (id: string): Promise<void> => {
    const sent = await simulation.once(({ deduplication }) => deduplication.remove(id, collection));
    removals.push(removalOf(id, sent));
  };
  const callers = Array.from({ length: 7 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      // Some ids come again: updates.
      const id = `d${chance.happens(0.3) ? chance.whole(4) : caller * 3 + round + 4}`;
      if (chance.happens(0.2)) await remove(id);
      await check(id, chance.pick(texts));
    }
  });
  await simulation.run(callers, async () => {
    const standing = await standingVectors(store, 'fingerprint');
    const angles = standing.map(({ id, vector }) => ({ id, content: textNear(vector) }));
    timeline.push(new Map(angles.map(({ id, content }) => [id, content])));
    for (const one of angles)
      for (const other of angles)
        if (one.id < other.id && similarityOf(one.content, other.content) >= threshold)
          faults.push(`${one.id} (${one.content}) and ${other.id} (${other.content}) are both stored`);
    if ((await countTakenTexts(store)) !== standing.length) faults.push('a text is taken for no fingerprint');
  });

  for (const each of checked) faults.push(...checkFaults(each, timeline, removals));
  await simulation.close();
  return faults;
}

function checkFaults(
  { id, content, sent }: Checked,
  timeline: readonly Map<string, string>[],
  removals: readonly Removal[],
): string[] {
  const { from, to, result } = sent;
  if (result.kind !== 'answered') return [];
  const { isDuplicate, duplicateOf, method, stored } = result.outcome;
  const meanwhile = timeline.slice(Math.max(0, from.step - 1), to.step + 1);
  if (stored === isDuplicate) return [`${id} is both or neither of stored and duplicate`];
  if (stored) {
    // Of two texts of one id in one commit the first is never seen, nor what is removed in the same one.
    const hasChanged = meanwhile.some((texts, step) => step > 0 && texts.get(id) !== meanwhile[step - 1]!.get(id));
    const mayBeRemoved = removals.some((each) => each.id === id && each.from <= to.step && each.to >= from.step);
    const isThere = meanwhile.some((texts) => texts.get(id) === content);
    return isThere || hasChanged || mayBeRemoved ? [] : [`${id} (${content}) was said to be stored`];
  }
  const wasThere = meanwhile.some((texts) => {
    const other = texts.get(duplicateOf!);
    if (other === undefined) return false;
    return method === 'exact' ? other === content : similarityOf(other, content) >= threshold;
  });
  const faults = wasThere ? [] : [`${id} (${content}) was said to be a duplicate of ${duplicateOf}`];
  return duplicateOf === id ? [...faults, `${id} was said to be a duplicate of itself`] : faults;
}

/** Steps between which something may have been removed. */
interface Removal {
  readonly id: string;
  readonly from: number;
  readonly to: number;
}

function removalOf(id: string, { from, to, result }: Sent<boolean>): Removal {
  // What was lost on its way may still arrive.
  return { id, from: from.step, to: result.kind === 'answered' ? to.step : Infinity };
}

function textNear(vector: Float32Array): string {
  const degrees = Math.round((Math.atan2(vector[1]!, vector[0]!) * 180) / Math.PI);
  return String(degrees);
}

// --- documents ---------------------------------------------------------------------------------------------------

const ids = ['a', 'b', 'c', 'd'];

interface Searched {
  readonly from: Moment;
  readonly to: Moment;
  readonly found: ReadonlyMap<string, string>;
}

/** A document is one version, whole; a batch is all or nothing; a search shows what stood while it ran, and all that stood throughout. */
export async function runDocuments(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage, embeddings: byAngle });
  const { chance, store } = simulation;
  const faults: string[] = [];
  const searches: Searched[] = [];
  const removals: Removal[] = [];
  const timeline: Map<string, string>[] = [new Map()];
  let versions = 0;
  const batches: { content: string; ids: readonly string[]; isAnswered: boolean }[] = [];

  const index = async (): Promise<void> => {
    const chosen = ids.filter(() => chance.happens(0.6));
    if (chosen.length === 0) return;
    // The text is its own angle: whose vector it is can be seen.
    const title = String((versions += 1));
    const documents = chosen.map((id) => ({ id, title, content: '', metadata: { version: title } }));
    const batch = { content: title, ids: chosen, isAnswered: false };
    batches.push(batch);
    const input = { collection, documents, ...(chance.happens(0.6) ? { idempotencyKey: `k${title}` } : {}) };
    const sent =
      'idempotencyKey' in input
        ? await simulation.untilAnswered(({ semanticSearch }) => semanticSearch.index(input))
        : [await simulation.once(({ semanticSearch }) => semanticSearch.index(input))];
    batch.isAnswered = sent.some(({ result }) => result.kind === 'answered');
  };
  const remove = async (id: string): Promise<void> => {
    const sent = await simulation.once(({ semanticSearch }) => semanticSearch.delete(id, collection));
    removals.push(removalOf(id, sent));
  };
  const search = async (): Promise<void> => {
    const { from, to, result } = await simulation.once(({ semanticSearch }) =>
      semanticSearch.search({ query: '0', collection, first: 10 }),
    );
    if (result.kind !== 'answered') return;
    const found = new Map<string, string>();
    for (const { score, document } of result.outcome.hits) {
      found.set(document.id, document.title);
      if (Math.abs(score - similarityOf('0', document.title)) > 1e-4)
        faults.push(`the score of ${document.id} is not that of its text`);
      if ((document.metadata as { version: string }).version !== document.title)
        faults.push(`${document.id} has the metadata of another version`);
    }
    searches.push({ from, to, found });
  };
  const callers = Array.from({ length: 5 }, async () => {
    for (let round = 0; round < 4; round += 1) {
      const dice = chance.fraction();
      if (dice < 0.45) await index();
      else if (dice < 0.6) await remove(chance.pick(ids));
      else await search();
    }
  });
  await simulation.run(callers, async () => {
    const standing = await standingVectors(store, 'document');
    for (const { id, vector, metadata, payload } of standing) {
      const title = String(payload['title']);
      if (textNear(vector) !== title || metadata !== JSON.stringify({ version: title }))
        faults.push(`${id} is of several versions`);
    }
    timeline.push(new Map(standing.map(({ id, payload }) => [id, String(payload['title'])])));
  });

  for (const { content, ids: own, isAnswered } of batches) {
    const seen = timeline.map((texts) => own.filter((id) => texts.get(id) === content).length);
    const first = seen.findIndex((count) => count > 0);
    // Of several commands in one commit, a later one may take back a part of what an earlier one did, or all of it.
    const isReplaced = (step: number): boolean =>
      own.every((id) => {
        const [before, now] = [timeline[step - 1]?.get(id), timeline[step]!.get(id)];
        const isRemoved = removals.some((each) => each.id === id && each.from <= step && step <= each.to + 1);
        return now === content || now !== before || (now === undefined && isRemoved);
      });
    if (first >= 0 && !isReplaced(first)) faults.push(`the batch ${content} came in parts`);
    if (first < 0 && isAnswered && !timeline.some((_, step) => step > 0 && isReplaced(step)))
      faults.push(`the batch ${content} was acknowledged and never stood`);
    // It is never there again once something else took its place.
    const began = own.map((id) => timesBegun(timeline, id, content));
    if (Math.max(...began) > 1) faults.push(`the batch ${content} was stored ${Math.max(...began)} times`);
  }
  for (const each of searches) faults.push(...searchFaults(each, timeline));
  await simulation.close();
  return faults;
}

/** How often a document became this version. */
function timesBegun(timeline: readonly Map<string, string>[], id: string, title: string): number {
  return timeline.filter((texts, step) => texts.get(id) === title && timeline[step - 1]?.get(id) !== title).length;
}

function searchFaults({ from, to, found }: Searched, timeline: readonly Map<string, string>[]): string[] {
  const meanwhile = timeline.slice(Math.max(0, from.step - 1), to.step + 1);
  const faults: string[] = [];
  for (const [id, title] of found)
    if (!meanwhile.some((texts) => texts.get(id) === title)) faults.push(`a search shows ${id} as ${title}`);
  for (const id of ids) {
    const [title] = meanwhile.map((texts) => texts.get(id));
    const isSteady = title !== undefined && meanwhile.every((texts) => texts.get(id) === title);
    if (isSteady && found.get(id) !== title) faults.push(`a search does not see ${id} as ${title}`);
  }
  return faults;
}

// --- tastes ------------------------------------------------------------------------------------------------------

const userId = 'u';
const products = ['0', '30', '60', '90'];

interface Recorded {
  /** No other has it: it says which one this is. */
  readonly weight: number;
  readonly sent: readonly Sent<InteractionOutcome>[];
}

/** Every interaction counts once where it was acknowledged, at most once where that is unknown; the taste is what its interactions make. */
export async function runTastes(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage, embeddings: byAngle });
  const { chance, store } = simulation;
  const faults: string[] = [];
  const recorded: Recorded[] = [];
  await simulation.near.recommendations.index({
    products: products.map((id) => ({ id, name: id, description: '', category: '' })),
  });
  const callers = Array.from({ length: 6 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      const weight = caller * 3 + round + 1;
      const input = { userId, productId: chance.pick(products), weight };
      if (chance.happens(0.1))
        await simulation.once(({ recommendations }) =>
          recommendations.recommend({ userId, first: 2, excludeSeen: true }),
        );
      const sent = chance.happens(0.7)
        ? await simulation.untilAnswered(({ recommendations }) =>
            recommendations.record({ ...input, idempotencyKey: `k${weight}` }),
          )
        : [await simulation.once(({ recommendations }) => recommendations.record(input))];
      recorded.push({ weight, sent });
    }
  });
  await simulation.run(callers);

  const standing = await standingInteractions(store, userId);
  for (const { weight, sent } of recorded) {
    const count = standing.filter((each) => each.weight === weight).length;
    const kinds = sent.map(({ result }) => result.kind);
    const expected = kinds.includes('answered') ? [1] : kinds.includes('unknown') ? [0, 1] : [0];
    if (!expected.includes(count)) faults.push(`interaction ${weight} (${kinds.join()}) is kept ${count} times`);
  }
  const counts = recorded.flatMap(({ sent }) => [...new Set(sent.map(({ result }) => countIn(result)))]);
  const known = counts.filter((count) => count !== undefined);
  if (new Set(known).size !== known.length) faults.push('two interactions were counted by the same number');
  const { results } = await store.read([{ start: keyspace.taste(userId) }]);
  const row = results[0]!.entries[0];
  if (row) {
    const taste = decodeTaste(row.value);
    if (taste.count !== standing.length) faults.push(`the taste counts ${taste.count} of ${standing.length}`);
    const vectors = await byAngle.embed(standing.map(({ productId }) => productId));
    const dated = standing.map((each, at) => ({ ...each, vector: vectors[at]! }));
    const made = remakeTaste(taste, dated, { ...taste, dimensions: 2 });
    const isSame = made.mean.every((value, at) => Math.abs(value - taste.mean[at]!) < 1e-3);
    if (!isSame || Math.abs(made.weight - taste.weight) > 1e-6 * made.weight)
      faults.push('the taste is not what its interactions make');
  }
  await simulation.close();
  return faults;
}

function countIn(result: Recorded['sent'][number]['result']): number | undefined {
  return result.kind === 'answered' && result.outcome.kind === 'recorded' ? result.outcome.interactions : undefined;
}
