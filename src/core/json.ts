/** JSON that callers give: written out faithfully, and changed by merge patches. Names such as `__proto__` are plain members here. */
import { invalidArgument } from './errors';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface JsonRule {
  readonly bytesMax: number;
  /** Lists and objects in each other. */
  readonly depthMax: number;
}

/** A JSON value as text. Throws INVALID_ARGUMENT where it breaks the rule, or holds what JSON or UTF-8 cannot. */
export function requireJson(field: string, value: unknown, { bytesMax, depthMax }: JsonRule): string {
  refuseUnfaithful(field, value, depthMax);
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes > bytesMax) throw invalidArgument(field, `is ${bytes} bytes long as JSON, at most ${bytesMax} are allowed`);
  return text;
}

function refuseUnfaithful(field: string, value: unknown, depthLeft: number): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw invalidArgument(field, `holds ${value}: not a number of JSON`);
  if (typeof value === 'string') refuseUnpaired(field, value);
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol')
    throw invalidArgument(field, `holds a ${typeof value}: not a value of JSON`);
  if (typeof value !== 'object' || value === null) return;
  if (depthLeft === 0) throw invalidArgument(field, 'nests too deep');
  for (const [name, member] of Object.entries(value)) {
    refuseUnpaired(field, name);
    refuseUnfaithful(field, member, depthLeft - 1);
  }
}

function refuseUnpaired(field: string, text: string): void {
  if (!text.isWellFormed()) throw invalidArgument(field, 'holds an unpaired surrogate: it must be well-formed Unicode');
}

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a JSON merge patch (RFC 7396) makes of a value. Neither is changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  // A map and `fromEntries` know no prototypes: `__proto__` is a name like any other.
  const members = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), change));
  }
  return Object.fromEntries(members);
}
