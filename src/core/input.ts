/** Parsing of what callers give: each refuses with a message that names the field, the value and the rule. */
import { invalidArgument } from './errors';

export interface TextRule {
  readonly bytesMax: number;
  /** Default 1. */
  readonly bytesMin?: number;
}

const shown = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 57)}...`);

/** A string that is well-formed Unicode and within its bytes as UTF-8. Answers those bytes. */
export function requireText(field: string, value: string, { bytesMax, bytesMin = 1 }: TextRule): Buffer {
  if (!value.isWellFormed())
    throw invalidArgument(field, 'holds an unpaired surrogate: it must be well-formed Unicode');
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length < bytesMin)
    throw invalidArgument(field, `is ${bytes.length} bytes long, at least ${bytesMin} are needed`);
  if (bytes.length > bytesMax) {
    throw invalidArgument(field, `"${shown(value)}" is ${bytes.length} bytes long, at most ${bytesMax} are allowed`);
  }
  return bytes;
}

export interface IntegerRule {
  readonly min: number;
  readonly max: number;
}

/** An integer within its bounds. */
export function requireInteger(field: string, value: number, { min, max }: IntegerRule): number {
  if (!Number.isSafeInteger(value)) throw invalidArgument(field, `is ${value}: it must be an integer below 2^53`);
  if (value < min || value > max) throw invalidArgument(field, `is ${value}: it must be between ${min} and ${max}`);
  return value;
}

/** A list with a number of members within its bounds. */
export function requireCount(field: string, list: readonly unknown[], { min, max }: IntegerRule): void {
  if (list.length < min || list.length > max) {
    throw invalidArgument(field, `has ${list.length} members: it must have between ${min} and ${max}`);
  }
}

/** The bytes of standard base64, padded. */
export function requireBase64(field: string, value: string): Buffer {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)) {
    throw invalidArgument(field, `"${shown(value)}" is not standard base64 with its padding`);
  }
  return Buffer.from(value, 'base64');
}

/** The revision in a Version: a decimal number in a string. */
export function requireVersion(field: string, value: string): number {
  const revision = /^(?:0|[1-9]\d{0,15})$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(revision)) throw invalidArgument(field, `"${shown(value)}" is not a Version`);
  return revision;
}
