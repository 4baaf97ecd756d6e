/**
 * What must hold of keys and values under any interleaving: registers that are linearizable by version (`registers`), transfers that
 * conserve their sum (`transfers`), and changes that are the whole history, however often they are interrupted (`changes`).
 */
import type { KvChange, KvConflict, KvDeleteOutcome, KvEntry, KvPut, KvPutOutcome } from '../../../src/patterns/kv';
import type { Patterns } from '../../../src/patterns/patterns';
import { isAppError } from '../../../src/core/errors';
import type { Breakage } from './broken-stores';
import { KvHistory } from './kv-history';
import type { Span, Standing } from './kv-history';
import { Simulation } from './simulation';
import type { Sent } from './simulation';

const gateways = 3;
const keys = ['a', 'b'];

interface PutDone {
  readonly input: KvPut;
  readonly sent: readonly Sent<KvPutOutcome>[];
}

interface DeleteDone {
  readonly key: string;
  readonly ifVersion: string | undefined;
  readonly sent: readonly Sent<KvDeleteOutcome>[];
}

interface ReadDone {
  readonly key: string;
  readonly sent: Sent<KvEntry | undefined>;
}

/** Puts, deletes and reads of a few keys, with and without conditions, expiry and idempotency keys. */
export async function runRegisters(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const puts: PutDone[] = [];
  const deletes: DeleteDone[] = [];
  const reads: ReadDone[] = [];
  let commands = 0;

  const send = async <O>(isKeyed: boolean, command: (gateway: Patterns) => Promise<O>): Promise<readonly Sent<O>[]> =>
    isKeyed ? simulation.untilAnswered(command) : [await simulation.once(command)];
  const callers = Array.from({ length: 6 }, async () => {
    const versions = new Map<string, string>();
    for (let round = 0; round < 5; round += 1) {
      const key = chance.pick(keys);
      const number = (commands += 1);
      const isKeyed = chance.happens(0.6);
      const idempotencyKey = isKeyed ? `k${number}` : undefined;
      const ifVersion = chance.happens(0.5) ? versions.get(key) : undefined;
      const kind = chance.pick(['put', 'put', 'put', 'delete', 'read'] as const);
      if (kind === 'put') {
        const ifAbsent = ifVersion === undefined && chance.happens(0.5);
        const ttlMs = chance.happens(0.4) ? 1 + chance.whole(30) : undefined;
        const input = { key, value: Buffer.from(`v${number}`), ifVersion, ifAbsent, ttlMs, idempotencyKey };
        const sent = await send(isKeyed, ({ kv }) => kv.put(input));
        puts.push({ input, sent });
        for (const { result } of sent)
          noteVersion(versions, key, result.kind === 'answered' ? result.outcome : undefined);
      } else if (kind === 'delete') {
        const sent = await send(isKeyed, ({ kv }) => kv.delete({ key, ifVersion, idempotencyKey }));
        deletes.push({ key, ifVersion, sent });
        for (const { result } of sent)
          noteVersion(versions, key, result.kind === 'answered' ? result.outcome : undefined);
      } else {
        const sent = await simulation.once(({ kv }) => kv.get(key, 'linearizable'));
        reads.push({ key, sent });
        if (sent.result.kind === 'answered' && sent.result.outcome)
          versions.set(key, String(sent.result.outcome.revision));
      }
    }
  });
  await simulation.run(callers);
  const history = await KvHistory.read(simulation.store, simulation.now().revision);
  await simulation.close();
  return [
    ...puts.flatMap((put) => putFaults(put, history)),
    ...deletes.flatMap((each) => deleteFaults(each, history)),
    ...deletionFaults(deletes, history),
    ...reads.flatMap((read) => entryFaults(read, history)),
    ...winnerFaults(puts),
  ];
}

function noteVersion(
  versions: Map<string, string>,
  key: string,
  outcome: KvPutOutcome | KvDeleteOutcome | undefined,
): void {
  if (outcome?.kind === 'put') versions.set(key, String(outcome.revision));
  if (outcome?.kind === 'conflict' && outcome.current) versions.set(key, String(outcome.current.revision));
}

const spanOf = (sent: readonly Sent<unknown>[]): Span => ({
  from: sent[0]!.from,
  to: sent.reduce((latest, { to }) => (to.step > latest.step ? to : latest), sent[0]!.to),
});

/** Every value is written by itself, so that the history tells what became of each put. */
function putFaults({ input, sent }: PutDone, history: KvHistory): string[] {
  const faults: string[] = [];
  const { key, value, ifVersion, ifAbsent } = input;
  const what = `put of ${value.toString()} under ${key}`;
  const written = history.of(key).filter((change) => change.value?.equals(value));
  const answers = sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []));
  if (written.length > 1) faults.push(`the ${what} was done ${written.length} times`);
  if (new Set(answers.map((answer) => answer.kind === 'put' && answer.revision)).size > 1)
    faults.push(`the ${what} had two answers`);
  const [answer] = answers;
  const span = spanOf(sent);
  if (answer?.kind === 'put') {
    const { revision, expiresAtMs } = answer;
    const change = written.find((each) => each.revision === revision);
    if (!change || change.expiresAtMs !== expiresAtMs)
      faults.push(`the ${what} is not in the history as it was answered`);
    if (revision <= span.from.revision || revision > span.to.revision)
      faults.push(`the ${what} was done at another time`);
  }
  if (answer?.kind === 'conflict') {
    if (written.length > 0) faults.push(`the ${what} was refused, and done`);
    if (!history.was(key, span, (standing) => isRefusing(input, standing)))
      faults.push(`the ${what} was refused for no reason`);
    faults.push(...currentFaults(what, { key, answer, sent }, history));
  }
  if (sent.every(({ result }) => result.kind === 'failed') && written.length > 0)
    faults.push(`the ${what} failed, and was done`);
  for (const { revision } of written) {
    const before = history.at(key, revision - 1);
    const isExpired = before !== undefined && before.expiresAtMs !== 0;
    const isWanted =
      ifVersion === undefined ? !ifAbsent || !before || isExpired : String(before?.revision) === ifVersion;
    if (!isWanted) faults.push(`the ${what} was done over ${before?.value ?? 'nothing'}, against its condition`);
  }
  return faults;
}

function isRefusing(
  { ifVersion, ifAbsent }: Pick<KvPut, 'ifVersion' | 'ifAbsent'>,
  standing: Standing | undefined,
): boolean {
  if (ifVersion !== undefined) return String(standing?.revision) !== ifVersion;
  return ifAbsent && standing !== undefined;
}

/** What a refusal shows stood there while the caller waited; a replay shows what stands there then. */
function currentFaults(
  what: string,
  { key, answer, sent }: { readonly key: string; readonly answer: KvConflict; readonly sent: readonly Sent<unknown>[] },
  history: KvHistory,
): string[] {
  const { current } = answer;
  const isTrue = history.was(key, spanOf(sent), (standing) => standing?.revision === current?.revision);
  return isTrue
    ? []
    : [`the refusal of the ${what} shows version ${current?.revision ?? 'none'}, which did not stand there`];
}

function deleteFaults({ key, ifVersion, sent }: DeleteDone, history: KvHistory): string[] {
  const faults: string[] = [];
  const what = `deletion of ${key}${ifVersion === undefined ? '' : ` at ${ifVersion}`}`;
  const span = spanOf(sent);
  const answers = sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []));
  if (new Set(answers.map((answer) => JSON.stringify({ ...answer, current: 0 }))).size > 1)
    faults.push(`the ${what} had two answers`);
  const [answer] = answers;
  if (answer?.kind === 'conflict') {
    const isRefusing = (standing: Standing | undefined): boolean => String(standing?.revision) !== ifVersion;
    if (!history.was(key, span, isRefusing)) faults.push(`the ${what} was refused for no reason`);
    faults.push(...currentFaults(what, { key, answer, sent }, history));
  } else if (answer?.kind === 'fenced') {
    faults.push(`the ${what} was fenced off, and carried no token`);
  } else if (answer?.wasPresent === false) {
    if (!history.was(key, span, (standing) => standing === undefined))
      faults.push(`the ${what} found nothing, where something was`);
  } else if (answer) {
    const change = history.of(key).find(({ kind, revision }) => kind === 'delete' && revision === answer.revision);
    const before = history.at(key, answer.revision - 1);
    if (!change || !before) faults.push(`the ${what} is not in the history`);
    if (ifVersion !== undefined && String(before?.revision) !== ifVersion)
      faults.push(`the ${what} took ${before?.revision}`);
    if (answer.revision <= span.from.revision || answer.revision > span.to.revision)
      faults.push(`the ${what} was done at another time`);
  }
  return faults;
}

/** Every deletion of the history belongs to one command. */
function deletionFaults(deletes: readonly DeleteDone[], history: KvHistory): string[] {
  const claimed = deletes.flatMap(({ sent }) => {
    const answer = sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []))[0];
    return answer?.kind === 'deleted' && answer.wasPresent ? [answer.revision] : [];
  });
  const unknown = deletes.filter(({ sent }) => sent.some(({ result }) => result.kind === 'unknown')).length;
  const happened = history.changes.filter(({ kind }) => kind === 'delete').length;
  if (new Set(claimed).size < claimed.length) return ['two commands deleted the same value'];
  if (happened > claimed.length + unknown)
    return [`${happened} deletions, of which ${claimed.length} were answered and ${unknown} unknown`];
  return [];
}

function entryFaults({ key, sent }: ReadDone, history: KvHistory): string[] {
  if (sent.result.kind !== 'answered') return [];
  const { outcome } = sent.result;
  const isTrue = history.was(
    key,
    sent,
    (standing) => standing?.revision === outcome?.revision && standing?.value === outcome?.value.toString(),
  );
  return isTrue ? [] : [`a read of ${key} shows ${outcome?.value.toString() ?? 'nothing'}, which did not stand there`];
}

/** One version is written over by one command. */
function winnerFaults(puts: readonly PutDone[]): string[] {
  const winners = puts.flatMap(({ input, sent }) => {
    const isWon = sent.some(({ result }) => result.kind === 'answered' && result.outcome.kind === 'put');
    return isWon && input.ifVersion !== undefined ? [`${input.key} at ${input.ifVersion}`] : [];
  });
  return new Set(winners).size < winners.length ? ['two commands wrote over the same version'] : [];
}

const accounts = ['x', 'y', 'z'];
const total = 300;

/** Moves amounts between accounts in transactions that check both: the sum is the same at every moment, and every transfer is done once. */
export async function runTransfers(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const faults: string[] = [];
  for (const key of accounts) await simulation.near.kv.put({ key, value: Buffer.from('100'), ifAbsent: false });
  const begun = simulation.now().revision;
  const sumOf = (entries: readonly (KvEntry | undefined)[]): number =>
    entries.reduce((sum, entry) => sum + Number(entry?.value.toString()), 0);
  const transfer = async (number: number): Promise<void> => {
    const read = await simulation.once(({ kv }) => kv.getMany(accounts, 'linearizable'));
    if (read.result.kind !== 'answered') return;
    const entries = read.result.outcome;
    if (sumOf(entries) !== total) faults.push(`a snapshot shows a sum of ${sumOf(entries)}`);
    const from = chance.whole(accounts.length);
    const to = (from + 1 + chance.whole(accounts.length - 1)) % accounts.length;
    const amount = 1 + chance.whole(9);
    const moved = [entries[from]!, entries[to]!].map((entry, index) => ({
      key: entry.key,
      value: Buffer.from(String(Number(entry.value.toString()) + (index === 0 ? -amount : amount))),
    }));
    const input = {
      checks: [entries[from]!, entries[to]!].map(({ key, revision }) => ({ key, version: String(revision) })),
      puts: [...moved, { key: `done${number}`, value: Buffer.from('1') }],
      deletes: [],
      idempotencyKey: `t${number}`,
    };
    const sent = await simulation.untilAnswered(({ kv }) => kv.transact(input));
    const kinds = new Set(sent.map(({ result }) => result.kind === 'answered' && result.outcome.kind));
    if (kinds.size > 1) faults.push(`transfer ${number} had two answers`);
    done.set(number, kinds.has('committed') ? 1 : 0);
  };
  const done = new Map<number, number>();
  const callers = Array.from({ length: 5 }, async (_, caller) => {
    for (let round = 0; round < 4; round += 1) await transfer(caller * 4 + round);
  });
  await simulation.run(callers);
  const history = await KvHistory.read(simulation.store, simulation.now().revision);
  for (const revision of new Set(history.changes.map((change) => change.revision))) {
    if (revision < begun) continue;
    const sum = accounts.reduce((sumSoFar, key) => sumSoFar + Number(history.at(key, revision)?.value), 0);
    if (sum !== total) faults.push(`the sum is ${sum} at version ${revision}`);
  }
  for (const [number, times] of done) {
    const happened = history.of(`done${number}`).length;
    if (happened !== times) faults.push(`transfer ${number} was answered ${times} and done ${happened} times`);
  }
  await simulation.close();
  return faults;
}

/** A reader that is interrupted at any place and goes on from there sees the whole history, each change once, in order. */
export async function runChanges(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const all = [...keys, 'c', 'd'];
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let round = 0; round < 6; round += 1) {
      const value = Buffer.from(`${writer}-${round}`);
      const ttlMs = chance.happens(0.5) ? 1 + chance.whole(20) : undefined;
      const puts = all.filter(() => chance.happens(0.4)).map((key) => ({ key, value, ttlMs }));
      const deletes = all.filter((key) => puts.every((put) => put.key !== key) && chance.happens(0.2));
      if (puts.length + deletes.length === 0) continue;
      await simulation.once(({ kv }) => kv.transact({ checks: [], puts, deletes }));
    }
  });
  const readers = Array.from({ length: 2 }, () => readChanges(simulation));
  const ending = Promise.all(writers).then(async () => {
    // Everything mortal has ended, and every delayed request has come.
    for (let round = 0; round < 40; round += 1) await simulation.network.pass();
    await simulation.clock.sleep(600);
    await simulation.near.kv.put({ key: 'end', value: Buffer.from('end'), ifAbsent: false });
  });
  await simulation.run([ending, ...readers]);
  const history = await KvHistory.read(simulation.store, simulation.now().revision);
  const expected = history.changes.map(({ kind, key, revision, value }) =>
    [revision, kind, key.subarray(1).toString(), value?.toString()].join(' '),
  );
  const end = expected.findIndex((change) => change.includes(' end'));
  const faults: string[] = [];
  for (const reader of readers) {
    const seen = (await reader).map(({ kind, key, revision, entry }) =>
      [revision, kind, key, entry?.value.toString()].join(' '),
    );
    const wrong = seen.findIndex((change, index) => change !== expected[index]);
    if (wrong >= 0) faults.push(`change ${wrong} is ${seen[wrong]}, where ${expected[wrong] ?? 'nothing'} happened`);
    else if (seen.length !== end + 1) faults.push(`${seen.length} changes were seen of ${end + 1}`);
  }
  await simulation.close();
  return faults;
}

/** Reads from the beginning until the end, through any gateway, going on after each interruption in one of the ways that there are. */
async function readChanges(simulation: Simulation): Promise<KvChange[]> {
  const { chance } = simulation;
  const seen: KvChange[] = [];
  let after = String((await simulation.store.status()).oldestRevision);
  for (;;) {
    const leaving = new AbortController();
    const left = 1 + chance.whole(12);
    let taken = 0;
    try {
      for await (const change of chance.pick(simulation.gateways).kv.changes('', after, leaving.signal)) {
        seen.push(change);
        if (change.key === 'end') return seen;
        after = change.cursor;
        taken += 1;
        if (taken === left) break;
        if (chance.happens(0.2)) await simulation.network.pass();
      }
    } catch (error) {
      if (!isAppError(error, 'UNAVAILABLE')) throw error;
      const { resumeFrom } = error.details;
      if (typeof resumeFrom === 'string' && chance.happens(0.5)) after = resumeFrom;
    }
    leaving.abort();
    await simulation.network.pass();
  }
}
