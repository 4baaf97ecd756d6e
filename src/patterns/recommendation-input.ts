/** What callers give of products and interactions, parsed: each refusal names the field, the value and the rule. */
import { limits } from '../../proto/limits';
import { canonicalText } from '../core/canonical-text';
import { invalidArgument } from '../core/errors';
import { requireCount, requireText } from '../core/input';
import { vectorRowBytes } from '../core/vector-row';

export interface NewProduct {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
}

export interface IndexProducts {
  readonly products: readonly NewProduct[];
  readonly idempotencyKey?: string | undefined;
}

export interface RecordInteraction {
  readonly userId: string;
  readonly productId: string;
  readonly weight: number;
  readonly idempotencyKey?: string | undefined;
}

export function requireId(field: string, id: string): Buffer {
  return requireText(field, id, { bytesMax: limits.nameBytesMax });
}

/** The products of a batch, each id once, all together within what one mutation stores. */
export function requireProducts({ products }: IndexProducts, dimensions: number): void {
  requireCount('input.products', products, { min: 1, max: limits.productsOfBatchMax });
  const seen = new Set<string>();
  let bytes = 0;
  for (const [at, { id, name, description, category }] of products.entries()) {
    const field = `input.products[${at}]`;
    const idBytes = requireId(`${field}.id`, id).length;
    if (seen.has(id)) throw invalidArgument(`${field}.id`, `names "${id.slice(0, 60)}" a second time`);
    seen.add(id);
    requireText(`${field}.name`, name, { bytesMax: limits.nameBytesMax });
    requireText(`${field}.description`, description, { bytesMin: 0, bytesMax: limits.descriptionBytesMax });
    requireText(`${field}.category`, category, { bytesMin: 0, bytesMax: limits.nameBytesMax });
    if (canonicalText(`${name} ${description} ${category}`) === '')
      throw invalidArgument(field, 'is nothing but white space: there is nothing to compare it by');
    const textBytes = Buffer.byteLength(JSON.stringify([name, description, category, category]), 'utf8');
    bytes += vectorRowBytes(dimensions) + textBytes + 2 * idBytes;
  }
  if (bytes > limits.vectorBatchBytesMax) {
    const rule = `come to ${bytes} bytes with their vectors, at most ${limits.vectorBatchBytesMax} fit one mutation: send fewer`;
    throw invalidArgument('input.products', rule);
  }
}

export function requireInteraction({ userId, productId, weight }: RecordInteraction): void {
  requireId('input.userId', userId);
  requireId('input.productId', productId);
  const { interactionWeightMin: min, interactionWeightMax: max } = limits;
  // Written so that what is no number does not pass.
  if (!(weight >= min && weight <= max))
    throw invalidArgument('input.weight', `is ${weight}: it must be between ${min} and ${max}`);
}
