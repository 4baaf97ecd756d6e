/**
 * What must hold of an inventory under any interleaving. One run: callers on several gateways make, hold, settle and extend reservations
 * and adjust stock, while time passes, messages are lost and commands are sent again; after every step the store is looked at
 * without network. Two skus, so that reservations of both join their lanes; few in stock, so that much is refused.
 */
import { familyRange, holdsRange, keyspace, readHoldKey } from '../../../src/core/keyspace';
import { readItems } from '../../../src/patterns/inventory-due';
import { figuresOf } from '../../../src/patterns/inventory-decisions';
import { reservedOf } from '../../../src/patterns/inventory-item';
import { decodeItem } from '../../../src/patterns/inventory-records';
import type { ItemRecord, Movement } from '../../../src/patterns/inventory-records';
import type { Reservation, ReserveResult, SettleResult } from '../../../src/patterns/inventory-reservations';
import type { Patterns } from '../../../src/patterns/patterns';
import type { Breakage } from './broken-stores';
import { Simulation } from './simulation';
import type { Moment, Sent } from './simulation';

const gateways = 3;
const skus = ['a', 'b'] as const;

/** A reservation as it was answered, and what was done with it. */
interface Known {
  readonly id: string;
  readonly lines: Reservation['lines'];
  /** The status at each look, in order, without repetitions. */
  readonly history: string[];
  readonly ends: Set<number>;
}

interface Refused {
  readonly from: Moment;
  readonly to: Moment;
  readonly shortages: readonly { readonly sku: string; readonly requested: number; readonly available: number }[];
}

interface Adjusted {
  readonly sku: string;
  readonly delta: number;
  readonly kinds: readonly string[];
}

/** The items at each step; a step may be looked at several times. */
interface Look {
  readonly step: number;
  readonly revision: number;
  readonly nowMs: number;
  readonly items: ReadonlyMap<string, ItemRecord>;
}

export async function runInventory(seed: number, breakage?: Breakage): Promise<string[]> {
  const run = new InventoryRun(seed, breakage);
  try {
    await run.go();
  } catch (error) {
    // A broken invariant that the pattern itself has seen.
    run.faults.push(`threw ${(error as Error).message}`);
  }
  return run.faults;
}

class InventoryRun {
  readonly faults: string[] = [];
  readonly #simulation: Simulation;
  readonly #near: Patterns;
  readonly #known = new Map<string, Known>();
  readonly #created = new Map<string, number>();
  readonly #adjusted: Adjusted[] = [];
  readonly #refused: Refused[] = [];
  readonly #looks: Look[] = [];
  #commands = 0;

  constructor(seed: number, breakage: Breakage | undefined) {
    // With none in the items, some in them and some in rows, or all in them.
    const holdsOfItemMax = [0, 1, 8][seed % 3]!;
    this.#simulation = new Simulation(seed, { gateways, breakage, patterns: { holdsOfItemMax } });
    this.#near = this.#simulation.near;
  }

  async go(): Promise<void> {
    const { chance } = this.#simulation;
    for (const sku of skus) {
      const quantity = chance.whole(6);
      this.#created.set(sku, quantity);
      await this.#near.inventory.create({ sku, quantity });
    }
    await this.#look();
    const callers = Array.from({ length: 5 }, async () => {
      for (let round = 0; round < 5; round += 1) await this.#act();
    });
    await this.#simulation.run(callers, () => this.#look());
    // All that is still held ends.
    this.#simulation.clock.advance(10_000);
    await this.#look(true);
    this.#judgeHistories();
    await this.#judgeRefusals();
    await this.#judgeLedger();
    await this.#simulation.close();
  }

  // --- what callers do ---------------------------------------------------------------------------------------------

  async #act(): Promise<void> {
    const { chance } = this.#simulation;
    const held = [...this.#known.keys()];
    const dice = chance.fraction();
    if (dice < 0.4 || held.length === 0) return this.#reserve();
    const id = chance.pick(held);
    if (dice < 0.55)
      return this.#settle(
        id,
        ({ reservations }, key) => reservations.commit({ reservationId: id, ...key }),
        'committed',
      );
    if (dice < 0.7)
      return this.#settle(
        id,
        ({ reservations }, key) => reservations.release({ reservationId: id, ...key }),
        'released',
      );
    if (dice < 0.8) {
      const holdMs = 1 + chance.whole(120);
      return this.#settle(
        id,
        ({ reservations }, key) => reservations.extend({ reservationId: id, holdMs, ...key }),
        'held',
      );
    }
    return this.#adjust();
  }

  /** Sends with a key until it is answered, or once without. */
  async #send<O>(
    send: (gateway: Patterns, key: { idempotencyKey?: string }) => Promise<O>,
  ): Promise<readonly Sent<O>[]> {
    const { chance } = this.#simulation;
    this.#commands += 1;
    const idempotencyKey = `k${this.#commands}`;
    if (chance.happens(0.7)) return this.#simulation.untilAnswered((gateway) => send(gateway, { idempotencyKey }));
    return [await this.#simulation.once((gateway) => send(gateway, {}))];
  }

  async #reserve(): Promise<void> {
    const { chance } = this.#simulation;
    const of = chance.pick([['a'], ['b'], ['a', 'b'], ['b', 'a', 'b']]);
    const lines = of.map((sku) => ({ sku, quantity: 1 + chance.whole(2) }));
    const holdMs = 1 + chance.whole(120);
    const sent = await this.#send(({ reservations }, key) => reservations.reserve({ lines, holdMs, ...key }));
    const answers = answersOf(sent);
    this.#sameAnswers('reserve', answers);
    const [answer] = answers;
    if (answer?.kind === 'reserved') this.#learn(answer.reservation);
    if (answer?.kind === 'insufficient') this.#refused.push({ from: sent[0]!.from, to: latest(sent), ...answer });
    if (answer?.kind === 'notFound') this.faults.push('an item that exists was not found');
  }

  #learn({ id, lines, status, expiresAtMs }: Reservation): void {
    if (!this.#known.has(id)) this.#known.set(id, { id, lines, history: [], ends: new Set() });
    this.#known.get(id)!.ends.add(expiresAtMs);
    if (status !== 'held') this.faults.push(`a new reservation is ${status}`);
  }

  async #settle(
    id: string,
    send: (gateway: Patterns, key: { idempotencyKey?: string }) => Promise<SettleResult>,
    to: string,
  ): Promise<void> {
    const sent = await this.#send(send);
    const answers = answersOf(sent);
    if (answers.length > 1 && new Set(answers.map(({ kind }) => kind)).size > 1)
      this.faults.push(`a settle had two answers`);
    for (const answer of answers) {
      if (answer.kind === 'notFound') this.faults.push(`reservation ${id} was not found`);
      else if (answer.kind === 'settled' && answer.reservation.status !== to)
        this.faults.push(`reservation ${id} was settled to ${to} and is ${answer.reservation.status}`);
      else if (answer.kind === 'notHeld' && answer.reservation.status === to)
        this.faults.push(`reservation ${id} was refused as what it is: ${to}`);
    }
  }

  async #adjust(): Promise<void> {
    const { chance } = this.#simulation;
    const sku = chance.pick(skus);
    const delta = chance.pick([-3, -2, -1, 1, 2]);
    const sent = await this.#send(({ inventory }, key) => inventory.adjust({ sku, delta, ...key }));
    const answers = answersOf(sent);
    this.#sameAnswers('adjust', answers);
    const [answer] = answers;
    if (answer?.kind === 'insufficient') this.#refused.push({ from: sent[0]!.from, to: latest(sent), ...answer });
    const kinds = sent.map(({ result }) => (result.kind === 'answered' ? result.outcome.kind : result.kind));
    this.#adjusted.push({ sku, delta, kinds });
  }

  #sameAnswers(what: string, answers: readonly unknown[]): void {
    const different = new Set(answers.map((answer) => JSON.stringify(answer)));
    if (different.size > 1) this.faults.push(`one ${what} had two answers: ${[...different].join(' and ')}`);
  }

  // --- what is seen ------------------------------------------------------------------------------------------------

  /** For every sku at every moment: 0 <= reserved <= quantity, and reserved is the sum of what is held. */
  async #look(isLast = false): Promise<void> {
    const { revision, nowMs, step } = this.#simulation.now();
    const last = this.#looks.at(-1);
    if (!isLast && last && last.revision === revision && last.nowMs === nowMs) {
      this.#looks.push({ ...last, step });
      return;
    }
    // Read without the pattern's own background work, which would leave nothing to be found.
    const { states } = await readItems(this.#simulation.store, skus);
    const items = new Map(states.map((state) => [state!.sku, state!.item]));
    const listed = new Map<string, Reservation>();
    for (const [sku, item] of items) {
      const { quantity, reserved } = figuresOf(item);
      if (reserved < 0 || reserved > quantity) this.faults.push(`${sku} has ${reserved} reserved of ${quantity}`);
      const { nodes } = await this.#near.reservations.heldOf(sku, { first: 1_000 });
      for (const each of nodes) {
        this.#learn(each);
        listed.set(each.id, each);
        if (each.status !== 'held') this.faults.push(`${each.id} is listed as held and ${each.status}`);
      }
      const sum = nodes
        .flatMap(({ lines }) => lines)
        .filter((line) => line.sku === sku)
        .reduce((total, line) => total + line.quantity, 0);
      if (sum !== reserved) this.faults.push(`${sku} has ${reserved} reserved, and ${sum} held`);
    }
    this.#looks.push({ step, revision, nowMs, items });
    await this.#judgeDue();
    for (const known of this.#known.values()) {
      // What has ended stays so: that is looked at once more, at the end of all.
      if (!isLast && known.history.length > 0 && known.history.at(-1) !== 'held') continue;
      const now = listed.get(known.id) ?? (await this.#near.reservations.get(known.id));
      if (!now) this.faults.push(`${known.id} is gone`);
      else {
        if (known.history.at(-1) !== now.status) known.history.push(now.status);
        if (now.status === 'held' && now.expiresAtMs <= nowMs) this.faults.push(`${known.id} is held after its end`);
        if (now.status === 'expired' && now.expiresAtMs > nowMs) this.faults.push(`${known.id} expired before its end`);
      }
    }
  }

  /** No hold, recorded or not, ends before its item is to be looked at; and there is one row for each item that says when, or none. */
  async #judgeDue(): Promise<void> {
    const ranges = skus.flatMap((sku) => [{ start: keyspace.inventoryItem(sku) }, holdsRange(sku, 0)]);
    const { results } = await this.#simulation.store.read([...ranges, familyRange('holdsDue')]);
    const due: Buffer[] = [];
    for (const [index, sku] of skus.entries()) {
      const item = decodeItem(results[2 * index]!.entries[0]!.value);
      const { dueAtMs } = item;
      if (dueAtMs !== undefined) due.push(keyspace.holdsDue(dueAtMs, sku));
      const inRows = results[2 * index + 1]!.entries.map(({ key }) => readHoldKey(key).expiresAtMs);
      const ends = [...item.held.map(({ expiresAtMs }) => expiresAtMs), ...inRows];
      if (ends.some((atMs) => !(dueAtMs !== undefined && dueAtMs <= atMs)))
        this.faults.push(`${sku} has a hold, and is due at ${dueAtMs}`);
    }
    const hex = (keys: readonly Buffer[]): string =>
      keys
        .map((key) => key.toString('hex'))
        .sort()
        .join();
    if (hex(results.at(-1)!.entries.map(({ key }) => key)) !== hex(due))
      this.faults.push('rows say otherwise what is due');
  }

  // --- what must have held -----------------------------------------------------------------------------------------

  /** From held to exactly one of the others, for ever. */
  #judgeHistories(): void {
    for (const { id, history } of this.#known.values()) {
      const ends = history.filter((status) => status !== 'held');
      if (ends.length !== 1 || history.at(-1) === 'held') this.faults.push(`${id} was ${history.join(', then ')}`);
    }
  }

  /** What was refused for want of stock was not there at some moment while its caller waited, and as much as was said was. */
  async #judgeRefusals(): Promise<void> {
    const within = new Map<string, readonly Between[]>();
    for (const sku of skus) {
      const { nodes } = await this.#near.inventory.movements(sku, { first: 1_000 });
      within.set(sku, availableAfterEach([...nodes].reverse()));
    }
    for (const { from, to, shortages } of this.#refused) {
      // The last look of the step before the first sending is the state at its beginning.
      const during = this.#looks.filter(({ step }) => step >= from.step - 1 && step <= to.step + 1);
      for (const { sku, requested, available } of shortages) {
        if (requested <= available) this.faults.push(`${requested} of ${sku} was refused with ${available} available`);
        const items = during.map((look) => look.items.get(sku)!);
        const [first, last] = [items[0]!.movements, items.at(-1)!.movements];
        const stood =
          items.some((item) => item.quantity - reservedOf(item) === available) ||
          within.get(sku)!.some((each) => each.number > first && each.number <= last && each.available === available);
        if (!stood) this.faults.push(`${sku} was refused with ${available} available, which never was while it waited`);
      }
    }
  }

  /** quantity = created + adjusted - committed, and movements add up to the item, each once. */
  async #judgeLedger(): Promise<void> {
    for (const sku of skus) {
      const item = (await this.#near.inventory.get(sku))!;
      const { nodes } = await this.#near.inventory.movements(sku, { first: 1_000 });
      const sum = (...types: Movement['type'][]): number =>
        nodes.filter(({ type }) => types.includes(type)).reduce((total, { quantity }) => total + quantity, 0);
      const quantity = sum('created', 'adjusted') - sum('committed');
      const reserved = sum('reserved') - sum('committed', 'released', 'expired');
      if (quantity !== item.quantity || reserved !== item.reserved) {
        this.faults.push(
          `movements of ${sku} add up to ${quantity} and ${reserved}, it has ${item.quantity} and ${item.reserved}`,
        );
      }
      if (nodes.some(({ number }, index) => number !== nodes.length - index))
        this.faults.push(`movements of ${sku} are not numbered through`);
      this.#judgeMovements(sku, nodes);
      this.#judgeQuantity(sku, item.quantity);
    }
  }

  /** Every reservation has one movement for its beginning and one for its end, an expiry dated at the expiry. */
  #judgeMovements(sku: string, movements: readonly Movement[]): void {
    for (const { id, lines, history, ends } of this.#known.values()) {
      const line = lines.find((each) => each.sku === sku);
      if (!line) continue;
      const own = movements.filter(({ reservationId }) => reservationId === id);
      const types = own.map(({ type }) => type).reverse();
      const expected = ['reserved', history.at(-1)];
      if (types.join() !== expected.join())
        this.faults.push(`${id} moved ${sku} by ${types.join()}, not ${expected.join()}`);
      if (own.some(({ quantity }) => quantity !== line.quantity))
        this.faults.push(`${id} moved another quantity of ${sku}`);
      const expired = own.find(({ type }) => type === 'expired');
      if (expired && !ends.has(expired.atMs))
        this.faults.push(`${id} expired at ${expired.atMs}, which was never its end`);
    }
  }

  /** By what callers were told, not by what the store says of itself. */
  #judgeQuantity(sku: string, final: number): void {
    let sure = this.#created.get(sku)!;
    for (const { lines, history } of this.#known.values())
      if (history.at(-1) === 'committed') sure -= lines.find((line) => line.sku === sku)?.quantity ?? 0;
    const unknown: number[] = [];
    for (const { sku: of, delta, kinds } of this.#adjusted) {
      if (of !== sku) continue;
      if (kinds.includes('adjusted')) sure += delta;
      else if (kinds.includes('unknown') && !kinds.includes('insufficient')) unknown.push(delta);
    }
    const possible = unknown.reduce(
      (sums, delta) => new Set([...sums, ...[...sums].map((sum) => sum + delta)]),
      new Set([sure]),
    );
    if (!possible.has(final))
      this.faults.push(`${sku} has ${final}, callers know of ${sure}, unknown ${unknown.join()}`);
  }
}

function answersOf<O extends ReserveResult | SettleResult | { readonly kind: string }>(sent: readonly Sent<O>[]): O[] {
  return sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []));
}

function latest(sent: readonly Sent<unknown>[]): Moment {
  return sent.reduce((last, { to }) => (to.step > last.step ? to : last), sent[0]!.to);
}

/** What was available after a movement: between two commands of one commit, which no look sees. */
interface Between {
  readonly number: number;
  readonly available: number;
}

/** Movements oldest first. A hold counts until it is settled, or until the date of its expiry, recorded or not. */
function availableAfterEach(movements: readonly Movement[]): Between[] {
  const expiries = new Map(
    movements.filter(({ type }) => type === 'expired').map((each) => [each.reservationId, each.atMs]),
  );
  const held = new Map<string | undefined, number>();
  let quantity = 0;
  return movements.map((movement) => {
    const { type, number, reservationId, atMs } = movement;
    if (type === 'created' || type === 'adjusted') quantity += movement.quantity;
    if (type === 'committed') quantity -= movement.quantity;
    if (type === 'reserved') held.set(reservationId, movement.quantity);
    else if (reservationId !== undefined) held.delete(reservationId);
    const reserved = [...held]
      .filter(([id]) => (expiries.get(id) ?? Infinity) > atMs)
      .reduce((total, [, each]) => total + each, 0);
    return { number, available: quantity - reserved };
  });
}
