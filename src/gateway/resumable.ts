/**
 * Subscription fields that can be gone on with. Each payload of such a field has a place; a subscription that begins after that
 * place is given exactly what comes behind it, on any gateway. Places go out as `id:` of server-sent events and as
 * `resumeFrom` of errors, and come back as `Last-Event-ID`, which stands before the field's own argument. A new
 * field of this kind is one line here.
 */
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import { invalidArgument, isAppError } from '../core/errors';
import { requireInteger } from '../core/input';
import { lifeArgument, passedArgument, shownArgument } from '../../resolvers/subscription';

/** As the field's argument takes it. */
export type Place = string | number;

/** Where a subscription stands: a place, or where the field has none that a caller could name, the object that it was given last. */
export type Standing = Place | object;

/** What a caller is shown of it; undefined: it is nothing that a caller could name. */
export function placeIn(standing: Standing | undefined): Place | undefined {
  return typeof standing === 'object' ? undefined : standing;
}

export interface Resumption {
  /** The argument that says after what a subscription begins. */
  readonly argument: string;
  /** The place behind a payload; undefined: it moves nothing. */
  readonly placeOf: (payload: Readonly<Record<string, unknown>>) => Standing | undefined;
  /**
   * A Last-Event-ID as a place. Throws INVALID_ARGUMENT where it surely is none; the field itself judges the rest. Left out: places
   * are objects of this process, which nobody is shown or can name.
   */
  readonly read?: (lastEventId: string) => Place;
  /** Whether a subscription with these arguments can be gone on with. Left out: each can. */
  readonly isFor?: (args: Readonly<Record<string, unknown>>) => boolean;
  /** In which life of what is followed the place is; whoever goes on by itself goes on in that one. Left out: there is one. */
  readonly lifeOf?: (payload: Readonly<Record<string, unknown>>) => number | undefined;
  /** Whether the payload only says that history is done. Left out: the field has no such payload. */
  readonly isCaughtUp?: (payload: Readonly<Record<string, unknown>>) => boolean;
}

/** By the name of the field. */
export type Resumptions = Readonly<Record<string, Resumption>>;

const byCursor = (argument: string): Required<Pick<Resumption, 'argument' | 'placeOf' | 'read'>> => ({
  argument,
  placeOf: ({ cursor }) => (typeof cursor === 'string' ? cursor : undefined),
  read: (lastEventId) => lastEventId,
});

const isCaughtUp: NonNullable<Resumption['isCaughtUp']> = ({ event, caughtUp }) =>
  caughtUp === true && (event === null || event === undefined);

/** The newest state of something: whoever was given the same object last is given the same from then on. */
const byState: Resumption = { argument: shownArgument, placeOf: (state) => state };

export const resumableFields: Resumptions = {
  kvChanges: byCursor('after'),
  allEvents: { ...byCursor('after'), isCaughtUp },
  events: {
    argument: 'afterVersion',
    placeOf: ({ version }) => (typeof version === 'number' ? version : undefined),
    read(lastEventId) {
      const version = /^\d{1,16}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
      return requireInteger(lastEventIdName, version, { min: 0, max: Number.MAX_SAFE_INTEGER });
    },
    isCaughtUp,
    lifeOf: ({ life }) => (typeof life === 'number' ? life : undefined),
  },
  counterChanged: byState,
  // Of several skus the newest state of one says nothing about the others.
  inventoryChanged: { ...byState, isFor: ({ skus }) => Array.isArray(skus) && new Set(skus).size === 1 },
};

/** How the header is called in messages. */
export const lastEventIdName = 'Last-Event-ID';

/** Where a subscription begins. Rides to its field as the root value of the operation. */
export class Beginning {
  /** Stands before the argument; undefined: the argument counts. */
  readonly override: Standing | undefined;
  /** Whether `override` is what a caller sent. */
  readonly isGiven: boolean;
  /** Of the override, where it is one of ours. */
  readonly life: number | undefined;
  /** What it has begun after, or has passed since without being given anything; undefined: nobody has said so yet. */
  place: Place | undefined;
  /** Whether the arguments are such that it cannot be gone on with. */
  isAlone = false;

  constructor(
    override: Standing | undefined,
    { isGiven, life }: { readonly isGiven: boolean; readonly life?: number | undefined },
  ) {
    this.override = override;
    this.isGiven = isGiven;
    this.life = life;
  }
}

type Resolver = GraphQLFieldResolver<unknown, unknown>;

/** Has the resumable fields of the schema heed a Beginning. Those that the schema has not are passed over. */
export function makeResumable(schema: GraphQLSchema, resumptions: Resumptions): void {
  const fields = schema.getSubscriptionType()?.getFields() ?? {};
  for (const [name, { argument, isFor }] of Object.entries(resumptions)) {
    const field = Object.hasOwn(fields, name) ? fields[name]! : undefined;
    if (field?.subscribe) field.subscribe = heeding({ name, argument, isFor, subscribe: field.subscribe });
  }
}

interface ResumableField {
  readonly name: string;
  readonly argument: string;
  readonly isFor: Resumption['isFor'];
  readonly subscribe: Resolver;
}

function heeding({ name, argument, isFor, subscribe }: ResumableField): Resolver {
  return async (root, given, context, info) => {
    if (!(root instanceof Beginning)) return subscribe(root, given, context, info);
    const { override, isGiven, life } = root;
    root.isAlone = isFor?.(given as Readonly<Record<string, unknown>>) === false;
    const passed = (place: Place): void => void (root.place = place);
    const from = override === undefined ? given : { ...given, [argument]: override, [lifeArgument]: life };
    const args = { ...from, [passedArgument]: passed };
    const place: unknown = args[argument];
    if (typeof place === 'string' || typeof place === 'number') root.place = place;
    try {
      return (await subscribe(undefined, args, context, info)) as unknown;
    } catch (error) {
      if (!isGiven || !isAppError(error, 'INVALID_ARGUMENT')) throw error;
      throw invalidArgument(lastEventIdName, `is no place of ${name}: ${error.message}`);
    }
  };
}
