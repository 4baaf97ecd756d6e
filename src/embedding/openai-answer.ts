/** What a server of embeddings answered, parsed: nothing of it is believed before it was looked at. */

export interface Expected {
  readonly count: number;
  readonly dimensions: number;
}

/** The vectors in the order of the texts, or what is wrong with the answer, as a sentence goes on after the model's name. */
export function parseEmbeddings(json: unknown, { count, dimensions }: Expected): Float32Array[] | string {
  const data = isObject(json) ? json['data'] : undefined;
  if (!Array.isArray(data)) return 'answered without a list of embeddings';
  if (data.length !== count) return `answered with ${data.length} vectors where ${count} were asked for`;
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined);
  for (const [place, item] of (data as unknown[]).entries()) {
    const given = isObject(item) ? item : {};
    const index = given['index'] ?? place;
    if (typeof index !== 'number' || !(index in vectors) || vectors[index])
      return 'answered with an order that is none';
    const vector = readVector(given['embedding'], dimensions);
    if (typeof vector === 'string') return vector;
    vectors[index] = vector;
  }
  return vectors as Float32Array[];
}

/** A list of numbers, or (given though it was not asked for) little-endian 32-bit floats in base64. */
function readVector(embedding: unknown, dimensions: number): Float32Array | string {
  const numbers = typeof embedding === 'string' ? readBase64(embedding) : embedding;
  if (!(Array.isArray(numbers) || numbers instanceof Float32Array)) return 'answered with what is no vector';
  if (numbers.length !== dimensions)
    return `answered with ${numbers.length} dimensions where NORIGATE_EMBEDDINGS_DIMENSIONS says ${dimensions}`;
  const vector = new Float32Array(dimensions);
  let isZero = true;
  for (let index = 0; index < dimensions; index += 1) {
    const value: unknown = numbers[index];
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return 'answered with what is no number';
    vector[index] = value;
    isZero &&= vector[index] === 0;
  }
  return isZero ? 'answered with a vector of zeros' : vector;
}

function readBase64(text: string): Float32Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0) return undefined;
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
