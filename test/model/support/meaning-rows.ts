/** What stands in the store of documents, fingerprints and interactions, read past all patterns. */
import type { Store } from '../../../proto/store';
import { decodeRecord } from '../../../src/core/codec';
import { familyRange, interactionsRange, vectorOwners } from '../../../src/core/keyspace';
import type { VectorOwner } from '../../../src/core/keyspace';
import { readEscaped } from '../../../src/core/tuple';
import { decodeVectorRow } from '../../../src/core/vector-row';
import { decodeInteraction } from '../../../src/patterns/recommendation-taste';
import type { Interaction } from '../../../src/patterns/recommendation-taste';

export interface StandingVector {
  readonly id: string;
  readonly vector: Float32Array;
  readonly metadata: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const generationBytes = 6;

/** All vectors of an owner, of all its collections. */
export async function standingVectors(store: Store, owner: VectorOwner): Promise<StandingVector[]> {
  const { results } = await store.read([familyRange('vector', Buffer.of(vectorOwners[owner]))]);
  return results[0]!.entries.map(({ key, value }) => {
    const { next } = readEscaped(key, 2);
    const row = decodeVectorRow(value);
    return {
      id: key.toString('utf8', next + generationBytes),
      vector: row.vector,
      metadata: row.metadata.toString('utf8'),
      payload: decodeRecord<StandingVector['payload']>(1, row.payload),
    };
  });
}

/** How many texts are taken. */
export async function countTakenTexts(store: Store): Promise<number> {
  const { results } = await store.read([familyRange('fingerprintHash')]);
  return results[0]!.entries.length;
}

/** A user's interactions, oldest first. */
export async function standingInteractions(store: Store, userId: string): Promise<Interaction[]> {
  const { results } = await store.read([interactionsRange(userId)]);
  return results[0]!.entries.map(({ value }) => decodeInteraction(value)).reverse();
}
