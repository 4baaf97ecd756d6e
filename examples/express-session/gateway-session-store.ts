/**
 * A store for express-session over the gateway's sessions: the id in the cookie is the session's token, so that reading is
 * `session`, saving `updateSession`, touching `touchSession` and ending `destroySession`. What has ended is never revived: a request
 * that was still running when the user logged out saves into nothing.
 *
 * A session begins with `begin`, where the user is known (at the login); until then a visitor has an id that is stored nowhere, and
 * nothing of the visitor's session is kept. So `saveUninitialized` is to be false, and there are no sessions of strangers to pay for.
 */
import type { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';

/** A session as express-session gives it to a store: JSON, with the settings of the cookie among its members. */
export interface SessionData {
  readonly cookie: { readonly originalMaxAge?: number | null };
  readonly [name: string]: unknown;
}

/** The request, as far as a store sees it. */
export interface SessionRequest {
  sessionID?: string;
  session?: unknown;
}

/** What express-session gives its stores to begin with: `require('express-session').Store`. */
export interface StoreBase extends EventEmitter {
  /** Makes an empty session on the request, with the id that `genid` says. Put there by express-session. */
  generate?(request: SessionRequest): void;
}
export type StoreBaseClass = new () => StoreBase;

export interface GatewayOptions {
  /** Such as http://127.0.0.1:4000/graphql. */
  readonly url: string;
  /** Sent with every request: the tenant, or a credential. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface BeginOptions {
  readonly userId: string;
  readonly roles?: readonly string[];
  /** Idle time that it lives; left out, as the gateway has it: an hour. */
  readonly ttlMs?: number;
  /** The user's oldest sessions beyond this many end. */
  readonly maxPerUser?: number;
}

type Callback<Value = void> = (error?: unknown, value?: Value) => void;

export interface GatewaySessionStore extends StoreBase {
  /** For express-session's option of that name. */
  readonly genid: (request: SessionRequest) => string;
  /** Begins the session of a user on this request, in the place of the one that it has. */
  begin(request: SessionRequest, options: BeginOptions): Promise<void>;
  get(id: string, callback: Callback<SessionData | null>): void;
  set(id: string, session: SessionData, callback?: Callback): void;
  touch(id: string, session: SessionData, callback?: Callback): void;
  destroy(id: string, callback?: Callback): void;
}

const documents = {
  create: 'mutation($input: CreateSessionInput!) { createSession(input: $input) { token } }',
  read: 'query($token: String!) { session(token: $token) { attributes } }',
  update: 'mutation($input: UpdateSessionInput!) { updateSession(input: $input) { __typename } }',
  touch: 'mutation($token: String!) { touchSession(token: $token) { __typename } }',
  destroy: 'mutation($token: String!) { destroySession(token: $token) }',
} as const;

const visitorPrefix = 'visitor-';
const isVisitor = (id: string): boolean => id.startsWith(visitorPrefix);

/** Makes the store: `makeGatewaySessionStore(require('express-session').Store, { url })`. */
export function makeGatewaySessionStore(Base: StoreBaseClass, gateway: GatewayOptions): GatewaySessionStore {
  /** Tokens of sessions that have just begun, until `generate` asks for them. */
  const begun = new WeakMap<SessionRequest, string>();

  class Store extends Base implements GatewaySessionStore {
    readonly genid = (request: SessionRequest): string => begun.get(request) ?? `${visitorPrefix}${randomUUID()}`;

    async begin(request: SessionRequest, options: BeginOptions): Promise<void> {
      const { createSession } = await ask<{ createSession: { token: string } }>(gateway, 'create', { input: options });
      // The session before the login is over: whoever knew its id knows nothing of this one.
      const { sessionID: old } = request;
      if (old !== undefined && !isVisitor(old)) await ask(gateway, 'destroy', { token: old });
      begun.set(request, createSession.token);
      this.generate!(request);
      begun.delete(request);
    }

    get(id: string, callback: Callback<SessionData | null>): void {
      if (isVisitor(id)) return callback(undefined, null);
      const read = ask<{ session: { attributes: { data?: [SessionData] } } | null }>(gateway, 'read', { token: id });
      settle(
        read.then(({ session }) => session?.attributes.data?.[0] ?? null),
        callback,
      );
    }

    set(id: string, session: SessionData, callback?: Callback): void {
      if (isVisitor(id)) return callback?.();
      // In a list, so that a merge patch replaces it as a whole. What has ended stays so, and that is no error here.
      const attributes = { data: [session] };
      settle(ask(gateway, 'update', { input: { token: id, attributes } }), callback);
    }

    touch(id: string, _session: SessionData, callback?: Callback): void {
      if (isVisitor(id)) return callback?.();
      settle(ask(gateway, 'touch', { token: id }), callback);
    }

    destroy(id: string, callback?: Callback): void {
      if (isVisitor(id)) return callback?.();
      settle(ask(gateway, 'destroy', { token: id }), callback);
    }
  }
  return new Store();
}

function settle<Value>(promise: Promise<Value>, callback: Callback<Value> | Callback | undefined): void {
  promise.then(
    (value) => (callback as Callback<Value> | undefined)?.(null, value),
    (error: unknown) => callback?.(error),
  );
}

/** Sends a document; throws where it brings errors. */
async function ask<Data>(
  { url, headers }: GatewayOptions,
  document: keyof typeof documents,
  variables: Readonly<Record<string, unknown>>,
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: documents[document], variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: readonly { message: string }[] };
  if (errors || !data) throw new Error(errors?.[0]?.message ?? `the gateway answered ${response.status}`);
  return data;
}
