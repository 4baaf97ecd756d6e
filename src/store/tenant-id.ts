/** What a tenant may be called, wherever the id comes from: a header, a claim, an argument. */
import { limits } from '../../proto/limits';
import { invalidArgument } from '../core/errors';

/** The tenant of callers who name none. */
export const defaultTenant = 'default';

/**
 * Checks a tenant's id: a string that is not empty, well-formed Unicode without control characters, at most 128 bytes.
 * Throws INVALID_ARGUMENT that names the field.
 */
export function requireTenantId(field: string, tenantId: unknown): string {
  if (typeof tenantId !== 'string') throw invalidArgument(field, 'must be a string');
  if (tenantId === '') throw invalidArgument(field, 'must not be empty');
  if (/[\p{Surrogate}\u0000-\u001f\u007f\ufffd]/u.test(tenantId))
    throw invalidArgument(field, 'must be well-formed UTF-8 without control characters');
  const bytes = Buffer.byteLength(tenantId);
  if (bytes > limits.tenantIdBytesMax)
    throw invalidArgument(field, `has ${bytes} bytes, the limit is ${limits.tenantIdBytesMax}`);
  return tenantId;
}
