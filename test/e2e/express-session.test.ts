/** The store of examples/express-session under the real express-session: cookies, saving, logging out, over HTTP. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeGatewaySessionStore } from '../../examples/express-session/gateway-session-store';
import type {
  GatewaySessionStore,
  SessionRequest,
  StoreBaseClass,
} from '../../examples/express-session/gateway-session-store';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

/** As far as this test speaks with them; both come without types. */
interface Answer {
  json(body: unknown): void;
}
type Handler = (request: Request, answer: Answer) => Promise<void> | void;
interface Application {
  use(handler: unknown): void;
  get(path: string, handler: Handler): void;
  listen(port: number, host: string): Server;
}
interface Request extends SessionRequest {
  readonly query: Record<string, string>;
  session: { visits?: number; destroy(done: (error?: unknown) => void): void };
}
interface SessionModule {
  (options: object): unknown;
  readonly Store: StoreBaseClass;
}

const minute = 60_000;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;
let server: Server;
let origin: string;

beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  program = await startProgram(directory.path, { NORIGATE_ENGINE: 'memory' }).ready();
  const express = (await import('express' as string)) as { default: () => Application };
  const { default: session } = (await import('express-session' as string)) as { default: SessionModule };
  const store = makeGatewaySessionStore(session.Store, { url: `${program.origin}/graphql` });
  const application = express.default();
  const settings = { secret: 'of the test', resave: false, saveUninitialized: false, store, genid: store.genid };
  application.use(session(settings));
  addRoutes(application, store);
  server = application.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 5 * minute);
afterAll(async () => {
  server?.close();
  await program?.destroy();
  await directory?.remove();
});

function addRoutes(application: Application, store: GatewaySessionStore): void {
  application.get('/login', async (request, answer) => {
    await store.begin(request, { userId: request.query['user']! });
    answer.json({ in: true });
  });
  application.get('/visit', (request, answer) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    answer.json({ visits: request.session.visits });
  });
  application.get('/logout', (request, answer) => request.session.destroy(() => answer.json({ in: false })));
}

/** A browser: keeps its cookie. */
class Browser {
  #cookie = '';

  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${origin}${path}`, { headers: this.#cookie === '' ? {} : { cookie: this.#cookie } });
    const set = answer.headers.getSetCookie()[0];
    if (set !== undefined) this.#cookie = set.split(';')[0]!;
    return answer.json();
  }

  copy(): Browser {
    const other = new Browser();
    other.#cookie = this.#cookie;
    return other;
  }
}

it(
  'keeps a session from its login to its logout, and nothing revives it',
  async () => {
    const browser = new Browser();
    await browser.get('/login?user=ada');
    expect(await browser.get('/visit')).toEqual({ visits: 1 });
    expect(await browser.get('/visit')).toEqual({ visits: 2 });
    const stolen = browser.copy();
    expect(await stolen.get('/visit')).toEqual({ visits: 3 });
    await browser.get('/logout');
    // The cookie that was taken along opens nothing any more, and what is saved into it goes nowhere.
    expect(await stolen.copy().get('/visit')).toEqual({ visits: 1 });
    expect(await stolen.copy().get('/visit')).toEqual({ visits: 1 });
    expect((await program.query('{ sessionsOfUser(userId: "ada") { nodes { id } } }')).data).toEqual({
      sessionsOfUser: { nodes: [] },
    });
  },
  minute,
);

it(
  'keeps users apart',
  async () => {
    const [ada, eve] = [new Browser(), new Browser()];
    await ada.get('/login?user=ada');
    await eve.get('/login?user=eve');
    await ada.get('/visit');
    expect(await ada.get('/visit')).toEqual({ visits: 2 });
    expect(await eve.get('/visit')).toEqual({ visits: 1 });
  },
  minute,
);
