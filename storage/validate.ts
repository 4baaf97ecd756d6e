/** The limits of the store's calls, checked before anything is queued or read. Messages name the value, the rule and the limit. */
import { limits, storeLimits } from '../proto/limits';
import type { Check, KeyRange, SearchRequest, Transaction, WatchOptions } from '../proto/store';
import type { AppError } from '../src/core/errors';
import { invalidArgument } from '../src/core/errors';
import type { LoadStep } from './portable';

const attemptIdBytes = 16;
const noMarks: NonNullable<Transaction['marks']> = [];
const searchChecksMax = 16;

/** Refuses ranges that break a limit: throws INVALID_ARGUMENT. */
export function validateRanges(ranges: readonly KeyRange[]): void {
  if (ranges.length > storeLimits.readRangesMax) {
    throw invalidArgument('ranges', `has ${ranges.length} members, at most ${storeLimits.readRangesMax} are allowed`);
  }
  ranges.forEach((range, index) => {
    const field = `ranges[${index}]`;
    if (range.end === undefined) checkKey(`${field}.start`, range.start);
    if (range.limit !== undefined) checkInteger(`${field}.limit`, range.limit, 1, storeLimits.rangeEntriesMax);
    if (range.bytesMax !== undefined) checkInteger(`${field}.bytesMax`, range.bytesMax, 1, storeLimits.rangeBytesMax);
  });
}

/** Refuses a search that breaks a limit: throws INVALID_ARGUMENT. */
export function validateSearch({ checks, near, k, filter, except }: SearchRequest): void {
  if (checks.length > searchChecksMax) {
    throw invalidArgument('checks', `has ${checks.length} members, at most ${searchChecksMax} are allowed`);
  }
  validateChecks(checks);
  checkInteger('near.length', near.length, 1, limits.vectorDimensionsMax);
  checkNumbers('near', near);
  checkInteger('k', k, 1, limits.vectorMatchesMax);
  if (except !== undefined) checkKey('except', except);
  if (filter !== undefined) checkFilter(filter);
}

/** As 32-bit floats the largest numbers that callers may give are a little larger. */
const storedNumberMax = limits.vectorNumberMax * (1 + 1e-6);

function checkNumbers(field: string, numbers: Float32Array): void {
  for (let at = 0; at < numbers.length; at += 1) {
    // Written so that what is no number does not pass.
    if (!(Math.abs(numbers[at]!) <= storedNumberMax))
      throw invalidArgument(field, `holds ${numbers[at]}, at most ${limits.vectorNumberMax} are allowed`);
  }
}

function checkFilter(filter: string): void {
  const bytes = Buffer.byteLength(filter, 'utf8');
  if (bytes > limits.vectorFilterBytesMax)
    throw invalidArgument('filter', `has ${bytes} bytes, at most ${limits.vectorFilterBytesMax} are allowed`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(filter);
  } catch {
    // What is not JSON is no object either.
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalidArgument('filter', 'must be the JSON text of an object');
}

/** Refuses a watch of such ranges, or from what is no revision: throws INVALID_ARGUMENT. */
export function validateWatch(ranges: readonly KeyRange[], { afterRevision }: WatchOptions): void {
  validateRanges(ranges);
  if (afterRevision !== undefined && !(Number.isSafeInteger(afterRevision) && afterRevision >= 0)) {
    throw invalidArgument('afterRevision', `is ${afterRevision}, it must be a whole number from 0`);
  }
}

/** Refuses a call with too many transactions: throws INVALID_ARGUMENT. */
export function validateCommit(transactions: readonly Transaction[]): void {
  if (transactions.length > storeLimits.commitTransactionsMax) {
    const rule = `has ${transactions.length} members, at most ${storeLimits.commitTransactionsMax} are allowed`;
    throw invalidArgument('transactions', rule);
  }
}

/** Bytes of keys and values of a transaction: what `transactionBytesMax` limits. */
export function transactionBytes(transaction: Transaction): number {
  let bytes = 0;
  for (const check of transaction.checks) bytes += check.key.length;
  for (const write of transaction.writes) bytes += write.key.length + (write.kind === 'put' ? write.value.length : 0);
  for (const mark of transaction.marks ?? noMarks) bytes += mark.key.length + mark.value.length;
  return bytes;
}

/** The fault of one transaction, if any: its outcome is then failed, and the others of the call are not concerned. */
export function faultOf(transaction: Transaction): AppError | undefined {
  try {
    validateTransaction(transaction);
    return undefined;
  } catch (error) {
    return error as AppError;
  }
}

function validateTransaction(transaction: Transaction): void {
  const marks = transaction.marks ?? noMarks;
  const operations = transaction.checks.length + transaction.writes.length + marks.length;
  if (operations > storeLimits.transactionOperationsMax) {
    const rule = `has ${operations} checks, writes and marks, at most ${storeLimits.transactionOperationsMax} are allowed`;
    throw invalidArgument('transaction', rule);
  }
  validateChecks(transaction.checks);
  validateWrites(transaction);
  marks.forEach((mark, index) => {
    checkMarkKey(`marks[${index}].key`, mark.key, transaction.scope);
    checkBytes(`marks[${index}].value`, mark.value, storeLimits.markBytesMax);
  });
  checkUnique('marks', marks);
  const bytes = transactionBytes(transaction);
  if (bytes > storeLimits.transactionBytesMax) {
    throw invalidArgument('transaction', `has ${bytes} bytes, at most ${storeLimits.transactionBytesMax} are allowed`);
  }
  if (transaction.validUntilMs !== undefined) {
    checkInteger('validUntilMs', transaction.validUntilMs, 0, Number.MAX_SAFE_INTEGER);
  }
  if (transaction.quota) {
    for (const name of ['keysMax', 'bytesMax'] as const) {
      const most = transaction.quota[name];
      if (most !== undefined) checkInteger(`quota.${name}`, most, 0, Number.MAX_SAFE_INTEGER);
    }
  }
  if (transaction.attemptId !== undefined && transaction.attemptId.length !== attemptIdBytes) {
    throw invalidArgument('attemptId', `has ${transaction.attemptId.length} bytes, it must have ${attemptIdBytes}`);
  }
}

/** Refuses rows and marks that no commit could have written: throws INVALID_ARGUMENT. */
export function validateLoad({ rows, marks }: LoadStep): void {
  rows.forEach(({ key, value, expiresAtMs }, index) => {
    checkKey(`rows[${index}].key`, key);
    checkBytes(`rows[${index}].value`, value, storeLimits.storedValueBytesMax);
    checkInteger(`rows[${index}].expiresAtMs`, expiresAtMs, 0, Number.MAX_SAFE_INTEGER);
  });
  marks.forEach(({ key, value, revision, committedAtMs }, index) => {
    checkKey(`marks[${index}].key`, key);
    checkBytes(`marks[${index}].value`, value, storeLimits.markBytesMax);
    checkInteger(`marks[${index}].revision`, revision, 0, Number.MAX_SAFE_INTEGER);
    checkInteger(`marks[${index}].committedAtMs`, committedAtMs, 0, Number.MAX_SAFE_INTEGER);
  });
}

/** Every commit passes here with each of its rows: what a fault is called is put together where there is one. */
function validateChecks(checks: readonly Check[]): void {
  for (let index = 0; index < checks.length; index += 1) {
    const { key, revision } = checks[index]!;
    if (!isKey(key)) checkKey(`checks[${index}].key`, key);
    if (!isWhole(revision)) checkInteger(`checks[${index}].revision`, revision, 0, Number.MAX_SAFE_INTEGER);
  }
}

function validateWrites({ writes }: Transaction): void {
  for (let index = 0; index < writes.length; index += 1) {
    const write = writes[index]!;
    if (!isKey(write.key)) checkKey(`writes[${index}].key`, write.key);
    if (write.kind !== 'put') continue;
    if (write.value.length > storeLimits.storedValueBytesMax)
      checkBytes(`writes[${index}].value`, write.value, storeLimits.storedValueBytesMax);
    if (write.ttlMs !== undefined) checkInteger(`writes[${index}].ttlMs`, write.ttlMs, 1, limits.ttlMsMax);
  }
  checkUnique('writes', writes);
}

function isKey({ length }: Buffer): boolean {
  return length > 0 && length <= storeLimits.storedKeyBytesMax;
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkKey(field: string, key: Buffer): void {
  if (key.length === 0) throw invalidArgument(field, 'is empty, a key has at least 1 byte');
  checkBytes(field, key, storeLimits.storedKeyBytesMax);
}

function checkMarkKey(field: string, key: Buffer, scope: Buffer | undefined): void {
  checkKey(field, key);
  const isInScope = scope !== undefined && key.subarray(0, scope.length).equals(scope);
  const bytes = isInScope ? key.length - scope.length : key.length;
  if (bytes > storeLimits.markKeyBytesMax) {
    throw invalidArgument(
      field,
      `has ${bytes} bytes behind its scope, at most ${storeLimits.markKeyBytesMax} are allowed`,
    );
  }
}

function checkBytes(field: string, bytes: Buffer, bytesMax: number): void {
  if (bytes.length > bytesMax)
    throw invalidArgument(field, `has ${bytes.length} bytes, at most ${bytesMax} are allowed`);
}

function checkInteger(field: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalidArgument(field, `is ${value}, it must be a whole number from ${least} to ${most}`);
  }
}

function checkUnique(field: string, items: readonly { readonly key: Buffer }[]): void {
  if (items.length < 2) return;
  const seen = new Set<string>();
  items.forEach((item, index) => {
    const text = item.key.toString('latin1');
    if (seen.has(text)) throw invalidArgument(`${field}[${index}].key`, 'is written twice in one transaction');
    seen.add(text);
  });
}
