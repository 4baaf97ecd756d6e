/** Makes HTTP load: some connections, each with one request in flight, which is one of those prepared, chosen by (repeatable) chance. */
import { makeSeededIds } from '../../src/core/ids';
import { behave } from '../support/child-side';
import { HttpConnection, faultOf, graphqlRequest } from '../support/http-connection';
import type { Answer } from '../support/http-connection';
import type { Measured, RunSpec } from '../support/measured';
import { Meter } from '../support/meter';

export interface LoadGenerator {
  readonly config: {
    readonly port: number;
    readonly connections: number;
    readonly query: string;
    /** Of each different request; none: the query has no variables. */
    readonly variables: readonly object[];
    /** Stands in every answer. */
    readonly expected: string;
    /** Sent as `x-tenant-id`; left out: the default tenant. */
    readonly tenantId?: string;
    /** A second request after each answer, which takes an id out of it; both together count as one. */
    readonly followUp?: FollowUp;
  };
  readonly started: true;
  readonly run: RunSpec;
  readonly result: Measured;
}

export interface FollowUp {
  readonly query: string;
  /** The member of the answer, a string, that goes into `variables` of the second request as `input` and this name. */
  readonly member: string;
  /** Stands in every answer to it. */
  readonly expected: string;
}

/** Every so many answers the body is looked at; the status always. */
const lookEvery = 64;

class Load {
  readonly #config: LoadGenerator['config'];
  readonly #requests: readonly Buffer[];
  readonly #expected: Buffer;
  /** Connections whose second request is in flight. */
  readonly #following = new Set<HttpConnection>();
  readonly #ids = makeSeededIds(1);
  #meter: Meter | undefined;
  #seen = 0;
  #running = 0;
  #onEnd: () => void = () => undefined;

  constructor(config: LoadGenerator['config']) {
    this.#config = config;
    const { query, variables, expected } = config;
    this.#requests =
      variables.length === 0
        ? [graphqlRequest(config, query)]
        : variables.map((each) => graphqlRequest(config, query, each));
    this.#expected = Buffer.from(expected);
  }

  /** Opens its connections anew: a server may close those that stand idle between two runs. */
  async run(spec: RunSpec): Promise<Measured> {
    const { port, connections } = this.#config;
    const events = {
      onAnswer: (connection: HttpConnection, answer: Answer) => this.#onAnswer(connection, answer),
      onFailure: (_: HttpConnection, why: string) => this.#end(why),
    };
    const open = await Promise.all(Array.from({ length: connections }, () => HttpConnection.open(port, events)));
    const meter = new Meter(spec);
    this.#meter = meter;
    this.#running = connections;
    const ended = new Promise<void>((resolve) => (this.#onEnd = resolve));
    for (const connection of open) this.#ask(connection);
    await ended;
    for (const connection of open) connection.close();
    return meter.result();
  }

  #ask(connection: HttpConnection): void {
    const requests = this.#requests;
    const request = requests.length === 1 ? 0 : Math.floor(this.#ids.fraction() * requests.length);
    connection.send(requests[request]!);
  }

  #onAnswer(connection: HttpConnection, answer: Answer): void {
    const meter = this.#meter!;
    const { followUp } = this.#config;
    const isSecond = this.#following.delete(connection);
    this.#seen += 1;
    if (answer.status !== 200 || this.#seen % lookEvery === 0) {
      const fault = faultOf(answer, isSecond ? Buffer.from(followUp!.expected) : this.#expected);
      if (fault !== undefined) meter.failed(fault);
    }
    if (followUp && !isSecond) return this.#follow(connection, answer, followUp);
    if (meter.answered(connection.askedMs)) this.#ask(connection);
    else this.#end();
  }

  #follow(connection: HttpConnection, answer: Answer, { query, member }: FollowUp): void {
    const id = stringIn(answer, member);
    if (id === undefined) return this.#end(`an answer without ${member}`);
    const { askedMs } = connection;
    this.#following.add(connection);
    connection.send(graphqlRequest(this.#config, query, { input: { [member]: id } }));
    // The pair is one.
    connection.askedMs = askedMs;
  }

  /** One connection has nothing more to do, or has failed. */
  #end(failure?: string): void {
    if (failure !== undefined) this.#meter!.failed(failure);
    this.#running -= 1;
    if (this.#running === 0) this.#onEnd();
  }
}

/** A member of the answer that is a string without anything escaped. */
function stringIn({ bytes, bodyStart, bodyEnd }: Answer, member: string): string | undefined {
  const name = `"${member}":"`;
  const found = bytes.indexOf(name, bodyStart);
  if (found < 0 || found >= bodyEnd) return undefined;
  const from = found + name.length;
  return bytes.toString('utf8', from, bytes.indexOf('"', from));
}

behave<LoadGenerator>((config) => {
  const load = new Load(config);
  return Promise.resolve({ started: true, run: (spec) => load.run(spec) });
});
