/**
 * What must hold of sessions under any interleaving. The truth is what stands in the store after every step: which sessions are
 * live, and as what. Two runs: `lives` (few sessions that many callers touch, change, rotate and end, while time passes) and
 * `crowd` (a user who may have few sessions begins many, ends one, ends all).
 */
import type { OpenedSession, RotateOutcome, Session, SessionEnd, SessionOutcome } from '../../../src/patterns/session';
import type { Breakage } from './broken-stores';
import { Simulation } from './simulation';
import type { Moment, Sent } from './simulation';

const gateways = 3;
const userId = 'u';
const absoluteTtlMs = 100_000;
const roles: readonly string[] = [];

type Live = ReadonlyMap<string, Session>;

/** The truth after every step. */
class Timeline {
  readonly #simulation: Simulation;
  /** By step. */
  readonly live: Live[] = [];
  /** Steps at which each id was first seen, and first missed after that. */
  readonly began = new Map<string, number>();
  readonly ended = new Map<string, number>();
  /** Whether it was over by its own time when it was first missed. */
  readonly expired = new Set<string>();
  readonly faults: string[] = [];
  /** Nothing has changed while the store is at this revision and this time has not come. */
  #revision = -1;
  #soonestMs = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  async look(): Promise<void> {
    const { near, clock } = this.#simulation;
    const { revision, nowMs, step } = this.#simulation.now();
    const isUnchanged = revision === this.#revision && nowMs < this.#soonestMs;
    if (isUnchanged) return this.#fill(this.live.at(-1)!, step);
    const { sessions } = await near.sessions.list(userId, 1_000, undefined);
    const now = new Map(sessions.map((session) => [session.id, session]));
    const before = this.live.at(-1) ?? new Map<string, Session>();
    for (const session of sessions) {
      const { id } = session;
      if (this.ended.has(id)) this.faults.push(`a session that had ended at step ${this.ended.get(id)} is back`);
      if (!this.began.has(id)) this.began.set(id, step);
      const was = before.get(id);
      if (was) this.#compare(was, session);
    }
    for (const [id, was] of before) {
      if (now.has(id)) continue;
      this.ended.set(id, step);
      // The clock of the test has fractions, that of the store has none.
      if (Math.ceil(clock.nowMs()) >= was.expiresAtMs) this.expired.add(id);
    }
    this.#revision = revision;
    this.#soonestMs = Math.min(...sessions.map(({ expiresAtMs }) => expiresAtMs));
    while (this.live.length < step) this.live.push(before);
    this.live.push(now);
  }

  #fill(live: Live, step: number): void {
    while (this.live.length <= step) this.live.push(live);
  }

  #compare(was: Session, is: Session): void {
    if (was.revision === is.revision) return;
    const { lastAccessedAtMs, expiresAtMs, absoluteExpiresAtMs } = is;
    if (lastAccessedAtMs >= was.expiresAtMs)
      this.faults.push(`a session was extended at ${lastAccessedAtMs}, past its end`);
    if (lastAccessedAtMs < was.lastAccessedAtMs) this.faults.push('the time of the last access went back');
    if (expiresAtMs < was.expiresAtMs) this.faults.push('the life of a session was cut short');
    if (expiresAtMs > absoluteExpiresAtMs) this.faults.push('a session passes its absolute end');
    if (is.createdAtMs !== was.createdAtMs) this.faults.push('a session was created again');
  }

  /** What stood of a session while a command was under way, from the step before it began on. */
  during(id: string, { from, to }: { readonly from: Moment; readonly to: Moment }): (Session | undefined)[] {
    return this.live.slice(Math.max(0, from.step - 1), to.step + 1).map((live) => live.get(id));
  }
}

interface Track {
  readonly id: string;
  readonly token: string;
  /** Steps from which on a token is dead, whatever became of the session. */
  deadFrom: number | undefined;
}

/** Reading, touching, changing, rotating and ending a few sessions while time passes. */
export async function runLives(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const timeline = new Timeline(simulation);
  const ttlMs = chance.pick([12, 30, 5_000]);
  const tracks: Track[] = [];
  for (let count = 0; count < 3; count += 1) {
    const { token, session } = await simulation.near.sessions.create({ userId, roles, ttlMs, absoluteTtlMs });
    tracks.push({ id: session.id, token, deadFrom: undefined });
  }
  const heard = follow(simulation);
  await timeline.look();
  const checks: (() => string[])[] = [];
  const added: { id: string; role: string; sent: readonly Sent<SessionOutcome>[] }[] = [];
  const conditional = new Map<string, number>();
  const destroyedTrue: string[] = [];
  let counted = 0;

  const act = async (index: number): Promise<void> => {
    const track = chance.pick(tracks);
    const { id, token } = track;
    const kind = chance.pick([
      'read',
      'touch',
      'touch',
      'update',
      'update',
      'update',
      'if',
      'rotate',
      'destroy',
      'all',
    ] as const);
    if (kind === 'read') {
      const sent = await simulation.once(({ sessions }) => sessions.get(token));
      if (sent.result.kind !== 'answered') return;
      const { outcome } = sent.result;
      checks.push(() => answerFaults(timeline, track, sent, outcome ? 'found' : 'missed'));
    } else if (kind === 'touch') {
      const sent = await simulation.once(({ sessions }) => sessions.touch(token));
      if (sent.result.kind !== 'answered') return;
      const { outcome } = sent.result;
      checks.push(() => answerFaults(timeline, track, sent, outcome.kind === 'session' ? 'found' : 'missed'));
    } else if (kind === 'update') {
      const role = `r${index}`;
      const idempotencyKey = `k${index}`;
      const sent = await simulation.untilAnswered(({ sessions }) =>
        sessions.update({ token, addRoles: [role], idempotencyKey }),
      );
      added.push({ id, role, sent });
      for (const each of sent) {
        const { outcome } = each.result as { outcome: SessionOutcome };
        checks.push(() => answerFaults(timeline, track, each, outcome.kind === 'session' ? 'found' : 'missed'));
      }
    } else if (kind === 'if') {
      const current = timeline.live.at(-1)!.get(id);
      if (!current) return;
      const ifVersion = String(current.revision);
      const sent = await simulation.untilAnswered(({ sessions }) =>
        sessions.update({ token, addRoles: [`v${index}`], ifVersion, idempotencyKey: `v${index}` }),
      );
      const { outcome } = sent[0]!.result as { outcome: SessionOutcome };
      const name = `${id} ${ifVersion}`;
      if (outcome.kind === 'session') conditional.set(name, (conditional.get(name) ?? 0) + 1);
    } else if (kind === 'rotate') {
      const sent = await simulation.untilAnswered(({ sessions }) =>
        sessions.rotate({ token, idempotencyKey: `t${index}` }),
      );
      const answers = sent.map(({ result }) => (result as { outcome: RotateOutcome }).outcome);
      const kinds = new Set(answers.map((answer) => (answer.kind === 'opened' ? answer.token : '')));
      if (kinds.size > 1) timeline.faults.push('a rotation had two answers');
      const [answer] = answers;
      if (answer!.kind !== 'opened') return;
      track.deadFrom ??= Math.min(...sent.map(({ to }) => to.step));
      tracks.push({ id, token: answer!.token, deadFrom: undefined });
    } else if (kind === 'destroy') {
      const sent = await simulation.once(({ sessions }) => sessions.destroy(token));
      if (sent.result.kind !== 'answered') return;
      if (sent.result.outcome) destroyedTrue.push(id);
      track.deadFrom ??= sent.to.step;
    } else if (chance.happens(0.3)) {
      const sent = await simulation.once(({ sessions }) => sessions.destroyAll(userId));
      if (sent.result.kind !== 'answered') return;
      counted += sent.result.outcome;
      for (const each of tracks) if (timeline.began.has(each.id)) each.deadFrom ??= sent.to.step;
    }
  };
  const callers = Array.from({ length: 6 }, async (_, caller) => {
    for (let round = 0; round < 4; round += 1) await act(caller * 4 + round);
  });
  await simulation.run(callers, () => timeline.look());

  const { faults } = timeline;
  for (const check of checks) faults.push(...check());
  for (const { id, role, sent } of added) faults.push(...roleFaults(timeline, { id, role, sent }));
  for (const [name, count] of conditional)
    if (count > 1) faults.push(`${count} changes of version ${name} went through`);
  for (const { token, deadFrom } of tracks) {
    if (deadFrom !== undefined && (await simulation.near.sessions.get(token)))
      faults.push('a dead token opens a session');
  }
  if (new Set(destroyedTrue).size !== destroyedTrue.length) faults.push('a session was destroyed twice');
  const destroyed = [...timeline.ended.keys()].filter((id) => !timeline.expired.has(id)).length;
  if (destroyedTrue.length + counted > destroyed)
    faults.push(`${destroyedTrue.length} + ${counted} are said to have been ended, and only ${destroyed} were`);
  faults.push(...(await endFaults({ simulation, timeline, heard })));
  await simulation.close();
  return faults;
}

/** Whether an answer fits what stood while the command was under way. */
function answerFaults(
  timeline: Timeline,
  { id, deadFrom }: Track,
  sent: Sent<unknown>,
  answer: 'found' | 'missed',
): string[] {
  const seen = timeline.during(id, sent);
  if (answer === 'found') {
    // A replay answers as the first time did: the first sending is where `from` is.
    if (deadFrom !== undefined && deadFrom < sent.from.step) return ['a dead token was taken'];
    return seen.some(Boolean) ? [] : ['a session was found that was not live'];
  }
  const mayBeRotated = timeline.live[sent.to.step]?.get(id) !== undefined && deadFrom === undefined;
  return mayBeRotated && seen.every(Boolean) && !wasRotated(timeline, id, sent) ? ['a live session was not found'] : [];
}

/** Whether the session changed while the command was under way, perhaps its token too. */
function wasRotated(timeline: Timeline, id: string, sent: Sent<unknown>): boolean {
  return new Set(timeline.during(id, sent).map((each) => each?.revision)).size > 1;
}

function roleFaults(
  timeline: Timeline,
  { id, role, sent }: { readonly id: string; readonly role: string; readonly sent: readonly Sent<SessionOutcome>[] },
): string[] {
  const kinds = new Set(sent.map(({ result }) => (result as { outcome: SessionOutcome }).outcome.kind));
  if (kinds.size > 1) return [`the change ${role} had two answers`];
  const isDone = kinds.has('session');
  const answered = Math.min(...sent.map(({ to }) => to.step));
  for (const [step, live] of timeline.live.entries()) {
    const session = live.get(id);
    if (!session) continue;
    const has = session.roles.includes(role);
    if (!isDone && has) return [`the role ${role} was refused and stands`];
    if (isDone && step >= answered && !has) return [`the role ${role} was acknowledged and is lost`];
  }
  return [];
}

/** A user who may have few sessions begins many at once, and ends some. */
export async function runCrowd(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const { chance } = simulation;
  const timeline = new Timeline(simulation);
  const maxPerUser = 1 + chance.whole(3);
  const ttlMs = chance.pick([15, 5_000]);
  const heard = follow(simulation);
  await timeline.look();
  const created: OpenedSession[] = [];
  let unknown = 0;
  let endings = 0;
  const explained = new Set<string>();
  const destroyed: string[] = [];
  let counted = 0;

  const callers = Array.from({ length: 5 }, async (_, caller) => {
    for (let round = 0; round < 3; round += 1) {
      const kind = chance.pick(['create', 'create', 'create', 'keyed', 'keyed', 'destroy', 'all'] as const);
      if (kind === 'create' || kind === 'keyed') {
        const input = { userId, roles, ttlMs, absoluteTtlMs, maxPerUser };
        if (kind === 'create') {
          const { result } = await simulation.once(({ sessions }) => sessions.create(input));
          if (result.kind === 'answered') created.push(result.outcome);
          else if (result.kind === 'unknown') unknown += 1;
        } else {
          const idempotencyKey = `c${caller}.${round}`;
          const sent = await simulation.untilAnswered(({ sessions }) => sessions.create({ ...input, idempotencyKey }));
          const answers = sent.map(({ result }) => (result as { outcome: OpenedSession }).outcome);
          if (new Set(answers.map((answer) => JSON.stringify(answer))).size > 1)
            timeline.faults.push('a creation had two answers');
          created.push(answers[0]!);
        }
      } else if (kind === 'destroy') {
        const target = chance.pick(created);
        if (!target) continue;
        explained.add(target.session.id);
        const { result } = await simulation.once(({ sessions }) => sessions.destroy(target.token));
        if (result.kind === 'answered' && result.outcome) destroyed.push(target.session.id);
      } else {
        endings += 1;
        const { result } = await simulation.once(({ sessions }) => sessions.destroyAll(userId));
        if (result.kind === 'answered') counted += result.outcome;
      }
    }
  });
  await simulation.run(callers, async () => {
    await timeline.look();
    const live = timeline.live.at(-1)!;
    if (live.size > maxPerUser) timeline.faults.push(`${live.size} sessions are live where ${maxPerUser} may be`);
    const before = timeline.live.at(-2) ?? new Map<string, Session>();
    const gone = [...before.keys()].filter((id) => !live.has(id) && !timeline.expired.has(id) && !explained.has(id));
    const isNew = [...live.keys()].some((id) => !before.has(id));
    if (gone.length > 0 && endings === 0 && !(isNew && live.size === maxPerUser))
      timeline.faults.push(`${gone.length} sessions ended for no reason`);
  });

  const { faults } = timeline;
  if (timeline.began.size > created.length + unknown)
    faults.push(`${timeline.began.size} sessions began, ${created.length} were answered, ${unknown} unknown`);
  if (new Set(created.map(({ session }) => session.id)).size !== created.length)
    faults.push('two sessions have one id');
  if (new Set(destroyed).size !== destroyed.length) faults.push('a session was destroyed twice');
  const over = [...timeline.ended.keys()].filter((id) => !timeline.expired.has(id)).length;
  if (destroyed.length + counted > over)
    faults.push(`${destroyed.length} + ${counted} are said to have been ended, and only ${over} were`);
  faults.push(...(await endFaults({ simulation, timeline, heard }, created.length + unknown)));
  await simulation.close();
  return faults;
}

/** What a subscriber hears, from now on. */
function follow(simulation: Simulation): SessionEnd[] {
  const heard: SessionEnd[] = [];
  const never = new AbortController().signal;
  void (async () => {
    for await (const end of simulation.near.sessions.ended(userId, never)) heard.push(end);
  })();
  return heard;
}

interface Ended {
  readonly simulation: Simulation;
  readonly timeline: Timeline;
  readonly heard: readonly SessionEnd[];
}

/** When all is over, every session that ever was has been announced once, with its reason. */
async function endFaults({ simulation, timeline, heard }: Ended, begunMax = timeline.began.size): Promise<string[]> {
  await simulation.quiet();
  simulation.clock.advance(absoluteTtlMs + 1_000);
  await simulation.quiet();
  await timeline.look();
  simulation.clock.advance(1_000);
  await simulation.quiet();
  const faults: string[] = [];
  for (const id of timeline.began.keys()) {
    const ends = heard.filter(({ sessionId }) => sessionId === id);
    if (ends.length !== 1) faults.push(`an end was announced ${ends.length} times`);
    // Within the milliseconds of its last commit a session that had expired may count among those that were ended.
    else if (ends[0]!.reason === 'expired' && !timeline.expired.has(id))
      faults.push('a destroyed session is said to have expired');
  }
  // One whose life was shorter than the way of its commit was over when it came, and was never seen.
  if (heard.length > begunMax) faults.push('ends were announced of sessions that never were');
  if (new Set(heard.map(({ sessionId }) => sessionId)).size !== heard.length) faults.push('an end was announced twice');
  return faults;
}
