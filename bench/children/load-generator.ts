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
  };
  readonly started: true;
  readonly run: RunSpec;
  readonly result: Measured;
}

/** Every so many answers the body is looked at; the status always. */
const lookEvery = 64;

class Load {
  readonly #config: LoadGenerator['config'];
  readonly #requests: readonly Buffer[];
  readonly #expected: Buffer;
  readonly #ids = makeSeededIds(1);
  #meter: Meter | undefined;
  #seen = 0;
  #running = 0;
  #onEnd: () => void = () => undefined;

  constructor(config: LoadGenerator['config']) {
    this.#config = config;
    const { port, query, variables, expected } = config;
    this.#requests =
      variables.length === 0
        ? [graphqlRequest(port, query)]
        : variables.map((each) => graphqlRequest(port, query, each));
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
    this.#seen += 1;
    if (answer.status !== 200 || this.#seen % lookEvery === 0) {
      const fault = faultOf(answer, this.#expected);
      if (fault !== undefined) meter.failed(fault);
    }
    if (meter.answered(connection.askedMs)) this.#ask(connection);
    else this.#end();
  }

  /** One connection has nothing more to do, or has failed. */
  #end(failure?: string): void {
    if (failure !== undefined) this.#meter!.failed(failure);
    this.#running -= 1;
    if (this.#running === 0) this.#onEnd();
  }
}

behave<LoadGenerator>((config) => {
  const load = new Load(config);
  return Promise.resolve({ started: true, run: (spec) => load.run(spec) });
});
