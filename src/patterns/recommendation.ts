/**
 * Products that suit a user's taste, and products that are like another.
 *
 * Promises: a product's text and vector are one row, written in one commit; every interaction counts exactly once, with however many at the
 * same time and on however many gateways; what the user has seen is left out before the products are counted; a user of whom
 * nothing is known has no recommendations. Stores a head and a row a product (`src/store/collections.ts`), a taste a user
 * (`recommendation-taste.ts`) and the latest interactions, from which the taste can be made again. Costs: products as documents of
 * semantic search; an interaction is one commit that checks its product, and a read before where the gateway has not seen product or user
 * lately; recommendations are two trips, similar products two. Nothing but indexProducts embeds anything: the rest works while the model is
 * away. Fails with INVALID_ARGUMENT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, CONTENTION, what the provider fails with, and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../core/codec';
import type { EmbeddingProvider } from '../core/embedding';
import { AppError, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { requireInteger, requireText } from '../core/input';
import { families, interactionsRange, keyspace, readVectorKey } from '../core/keyspace';
import type { VectorLife } from '../core/keyspace';
import { encodeOpaque } from '../core/opaque';
import { decodeVectorRow } from '../core/vector-row';
import { Collections } from '../store/collections';
import type { CollectionFound, CollectionTurn } from '../store/collections';
import { rememberAsJson } from '../store/remember';
import type { Transact, View } from '../store/transact';
import { requireId, requireInteraction, requireProducts } from './recommendation-input';
import type { IndexProducts, NewProduct, RecordInteraction } from './recommendation-input';
import {
  decideInteraction,
  decodeInteraction,
  decodeTaste,
  encodeInteraction,
  encodeTaste,
  isOutdated,
  remakeTaste,
} from './recommendation-taste';

export type Product = NewProduct;

export interface Recommendation {
  /** 1 - the cosine distance. */
  readonly score: number;
  readonly product: Product;
}

export interface IndexedProducts {
  readonly indexed: number;
  readonly products: readonly Product[];
}

export interface RecommendFor {
  readonly userId: string;
  readonly first: number;
  readonly category?: string | undefined;
  readonly excludeSeen: boolean;
}

export type InteractionOutcome =
  { readonly kind: 'recorded'; readonly interactions: number } | { readonly kind: 'notFound' };

export interface RecommendationDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly ids: Ids;
  readonly embeddings: EmbeddingProvider;
  /** After so long an interaction counts half. */
  readonly halfLifeMs: number;
}

/** The taste was made with other vectors, or forgets at another pace: a signal between decision and method. */
class Outdated extends Error {}

const format = 1;
/** There is one collection of products a tenant. */
const collection = 'products';
const triesMax = 5;
/** Product rows in one read, which has a limit on its bytes. */
const rowsOfReadMax = 200;

export class Recommendations {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #embeddings: EmbeddingProvider;
  readonly #halfLifeMs: number;
  readonly #collections: Collections;

  constructor({ store, transact, ids, embeddings, halfLifeMs }: RecommendationDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#embeddings = embeddings;
    this.#halfLifeMs = halfLifeMs;
    this.#collections = new Collections({ store, transact, ids, owner: 'product', provider: embeddings });
  }

  // --- products ----------------------------------------------------------------------------------------------------

  /** Stores all the products, new ones and others over what is there, or none. */
  async index(input: IndexProducts): Promise<IndexedProducts> {
    requireProducts(input, this.#embeddings.dimensions);
    const { products } = input;
    const vectors = await this.#embeddings.embed(products.map(textOf));
    const rows = products.map((product, at) => ({ id: product.id, vector: vectors[at]!, ...rowOf(product) }));
    const remembered = rememberAsJson<number>({ mutation: 'indexProducts', input });
    const { outcome: indexed, isReplay } = await this.#collections.put(collection, rows, remembered);
    if (!isReplay) return { indexed, products };
    return { indexed, products: await this.#present(products.map(({ id }) => id)) };
  }

  /** The product, or undefined where there is none. */
  async product(id: string): Promise<Product | undefined> {
    requireId('id', id);
    return (await this.#present([id]))[0];
  }

  /** Removes the product; whether there was one. Interactions with it go on counting. */
  async deleteProduct(id: string): Promise<boolean> {
    requireId('id', id);
    return this.#collections.delete(collection, id);
  }

  // --- interactions ------------------------------------------------------------------------------------------------

  /** Moves the user's taste towards the product. */
  async record(input: RecordInteraction): Promise<InteractionOutcome> {
    requireInteraction(input);
    const remembered = rememberAsJson<InteractionOutcome>({
      mutation: 'recordInteraction',
      input,
      defaults: { weight: 1 },
    });
    const { userId, productId, weight } = input;
    return this.#untilCurrent(userId, async () => {
      const outcome = await this.#collections.change(collection, async ({ life, guards, enter }) => {
        const productKey = keyspace.vector(life, productId);
        const settled = await this.#transact.run<InteractionOutcome>({
          records: [keyspace.taste(userId)],
          guards: [...guards, productKey],
          decide: (view) => {
            enter(view);
            const product = view.get(productKey);
            if (!product) return { kind: 'notFound' };
            const { vector } = decodeVectorRow(product.value);
            const count = this.#add(view, life, { userId, productId, weight, vector });
            return { kind: 'recorded', interactions: count };
          },
          remembered,
        });
        return settled.outcome;
      });
      return outcome ?? { kind: 'notFound' };
    });
  }

  #add(
    view: View,
    { generation }: VectorLife,
    interaction: { userId: string; productId: string; weight: number; vector: Float32Array },
  ): number {
    const { userId, productId, weight } = interaction;
    const key = keyspace.taste(userId);
    const row = view.get(key);
    const taste = row && decodeTaste(row.value);
    const makings = { generation, halfLifeMs: this.#halfLifeMs, nowMs: view.nowMs };
    if (taste && isOutdated(taste, makings)) throw new Outdated();
    const next = decideInteraction(taste, interaction, makings);
    view.put(key, encodeTaste(next), { history: families.taste.history });
    const { history } = families.interaction;
    const value = encodeInteraction({ productId, weight, atMs: next.updatedAtMs });
    view.putSideRow(keyspace.interaction(userId, next.count), value, { history });
    const forgotten = next.count - limits.interactionsKeptMax;
    if (forgotten > 0) view.deleteSideRow(keyspace.interaction(userId, forgotten), history);
    return next.count;
  }

  // --- recommendations ---------------------------------------------------------------------------------------------

  /** The products that are nearest to the user's taste, nearest first; none where nothing is known of the user. */
  async recommend({ userId, first, category, excludeSeen }: RecommendFor): Promise<Recommendation[]> {
    requireId('userId', userId);
    requireFirst(first);
    if (category !== undefined) requireText('category', category, { bytesMin: 0, bytesMax: limits.nameBytesMax });
    return this.#untilCurrent(userId, async () => {
      const found = await this.#collections.read(collection, () => [keyspace.taste(userId)]);
      const row = found?.entries[0];
      if (!row) return [];
      const taste = decodeTaste(row.value);
      const { life } = found;
      if (isOutdated(taste, { generation: life.generation, halfLifeMs: this.#halfLifeMs })) throw new Outdated();
      // Nothing is left of what it was made from.
      if (taste.weight === 0) return [];
      const seen = new Set(excludeSeen ? taste.seen : []);
      const nearest = await this.#collections.searchLife(life, {
        near: taste.mean,
        // So many are left when those that were seen are taken away, wherever they stand.
        k: first + seen.size,
        filter: category === undefined ? undefined : JSON.stringify({ category }),
        withVectors: false,
      });
      if (!nearest) throw new Outdated();
      return toRecommendations(nearest)
        .filter(({ product }) => !seen.has(product.id))
        .slice(0, first);
    });
  }

  /** The products that are nearest to this one, nearest first, itself left out. Throws NOT_FOUND where there is no such product. */
  async similar(productId: string, first: number): Promise<Recommendation[]> {
    requireId('productId', productId);
    requireFirst(first);
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const found = await this.#collections.read(collection, (life) => [keyspace.vector(life, productId)]);
      const row = found?.entries[0];
      if (!row)
        throw new AppError('NOT_FOUND', `there is no product "${productId}"`, { details: { field: 'productId' } });
      const nearest = await this.#collections.searchLife(found.life, {
        near: decodeVectorRow(row.value).vector,
        k: first,
        except: productId,
        withVectors: false,
      });
      if (nearest) return toRecommendations(nearest);
    }
    throw tooOften();
  }

  // --- making a taste again ----------------------------------------------------------------------------------------

  /** Runs what rests on the user's taste, and again once that was made anew. */
  async #untilCurrent<T>(userId: string, run: () => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= triesMax; tries += 1) {
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof Outdated) && !(isAppError(error) && error.cause instanceof Outdated)) throw error;
        await this.#remake(userId);
      }
    }
    throw tooOften();
  }

  /** Makes the taste again from what is kept, where it is still outdated and nothing came to it meanwhile. */
  async #remake(userId: string): Promise<void> {
    const key = keyspace.taste(userId);
    const { results } = await this.#store.read([{ start: key }, interactionsRange(userId)]);
    const row = results[0]!.entries[0];
    if (!row) return;
    const interactions = results[1]!.entries.map(({ value }) => decodeInteraction(value)).reverse();
    await this.#collections.change(collection, async (turn) => {
      const vectors = await this.#vectorsOf(turn.life, new Set(interactions.map(({ productId }) => productId)));
      const dated = interactions.map((each) => ({ ...each, vector: vectors.get(each.productId) }));
      await this.#transact.run<undefined>({
        records: [key],
        guards: turn.guards,
        decide: (view) =>
          this.#decideRemake(view, turn, { key, count: decodeTaste(row.value).count, interactions: dated }),
      });
    });
  }

  #decideRemake(view: View, { life, enter }: CollectionTurn, { key, count, interactions }: Remaking): undefined {
    enter(view);
    const standing = view.get(key);
    const taste = standing && decodeTaste(standing.value);
    const makings = { generation: life.generation, halfLifeMs: this.#halfLifeMs };
    if (!taste || taste.count !== count || !isOutdated(taste, makings)) return;
    const next = remakeTaste(taste, interactions, { ...makings, dimensions: taste.mean.length });
    view.put(key, encodeTaste(next), { history: families.taste.history });
  }

  async #vectorsOf(life: VectorLife, ids: ReadonlySet<string>): Promise<Map<string, Float32Array>> {
    const all = [...ids];
    const vectors = new Map<string, Float32Array>();
    for (let at = 0; at < all.length; at += rowsOfReadMax) {
      const slice = all.slice(at, at + rowsOfReadMax);
      const { results } = await this.#store.read(slice.map((id) => ({ start: keyspace.vector(life, id) })));
      for (const [index, { entries }] of results.entries())
        if (entries[0]) vectors.set(slice[index]!, decodeVectorRow(entries[0].value).vector);
    }
    return vectors;
  }

  /** Those of the products that are there. */
  async #present(ids: readonly string[]): Promise<Product[]> {
    const found = await this.#collections.read(collection, (life) => ids.map((id) => keyspace.vector(life, id)));
    return (found?.entries ?? []).flatMap((entry, at) => (entry ? [toProduct(ids[at]!, entry.value)] : []));
  }
}

interface Remaking {
  readonly key: Buffer;
  /** Interactions of the user when they were read. */
  readonly count: number;
  /** Oldest first. */
  readonly interactions: Parameters<typeof remakeTaste>[1];
}

/** The global id of a product. */
export function productNodeId({ id }: Pick<Product, 'id'>): string {
  return encodeOpaque('productNode', Buffer.from(id, 'utf8'));
}

function requireFirst(first: number): void {
  requireInteger('first', first, { min: 1, max: limits.recommendationsMax });
}

function tooOften(): AppError {
  return new AppError('CONTENTION', `the products were begun anew ${triesMax} times in a row: try again`);
}

function textOf({ name, description, category }: Product): string {
  return [name, description, category].filter((part) => part !== '').join('\n');
}

/** The category is metadata, by which searches filter. */
function rowOf({ name, description, category }: Product): { readonly metadata: Buffer; readonly payload: Buffer } {
  return {
    metadata: Buffer.from(JSON.stringify({ category }), 'utf8'),
    payload: encodeRecord(format, { name, description, category }),
  };
}

function toProduct(id: string, value: Buffer): Product {
  return { id, ...decodeRecord<Omit<Product, 'id'>>(format, decodeVectorRow(value).payload) };
}

function toRecommendations({ hits, life }: CollectionFound): Recommendation[] {
  return hits.map(({ key, value, distance }) => ({
    score: 1 - distance,
    product: toProduct(readVectorKey(life, key), value),
  }));
}
