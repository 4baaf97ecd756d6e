/**
 * GraphiQL from our own assets: the page, its scripts and fonts as Vite built them, and the tabs it opens with, made of
 * `schema/operations/`. Nothing is fetched from elsewhere, and the page's policy says so to the browser.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, extname, join, normalize, sep } from 'node:path';
import type { ServerResponse } from 'node:http';
import { send } from './http-io';

export interface GraphiqlOptions {
  /** The folder of the built page; undefined: GraphiQL is not served. */
  readonly assets: string | undefined;
  /** The folder of the documents that the tabs open with. */
  readonly operations: string;
}

/** What a tab opens with. */
export interface GraphiqlTab {
  readonly title: string;
  readonly query: string;
}

const firstTab = 'counter.graphql';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ttf': 'font/ttf',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.map': 'application/json',
};

export class Graphiql {
  readonly #options: GraphiqlOptions;
  readonly #files = new Map<string, Buffer>();

  constructor(options: GraphiqlOptions) {
    this.#options = options;
  }

  /** Answers a GET below /graphiql; false: there is no such thing. `host` has passed the guards. */
  serve(response: ServerResponse, path: string, host: string): boolean {
    const { assets } = this.#options;
    if (assets === undefined) return false;
    const name = path === '/graphiql' || path === '/graphiql/' ? 'index.html' : path.slice('/graphiql/'.length);
    if (name === 'tabs.json') {
      send(response, 200, 'application/json; charset=utf-8', JSON.stringify(this.tabs()));
      return true;
    }
    const content = this.#file(assets, name);
    const type = types[extname(name)];
    if (!content || type === undefined) return false;
    // Names of built files carry a hash of their content.
    const caching = name === 'index.html' ? {} : { 'cache-control': 'public, max-age=31536000, immutable' };
    send(response, 200, type, content, {
      ...caching,
      'content-security-policy': policy(host),
      'referrer-policy': 'no-referrer',
    });
    return true;
  }

  /** One tab a file of operations, in the order of their names; counters first, since they show the most in the least time. */
  tabs(): GraphiqlTab[] {
    const { operations } = this.#options;
    if (!existsSync(operations)) return [];
    return readdirSync(operations)
      .filter((name) => name.endsWith('.graphql'))
      .sort((a, b) => Number(b === firstTab) - Number(a === firstTab) || (a < b ? -1 : 1))
      .map((name) => ({ title: basename(name, '.graphql'), query: readFileSync(join(operations, name), 'utf8') }));
  }

  #file(assets: string, name: string): Buffer | undefined {
    const known = this.#files.get(name);
    if (known) return known;
    let decoded: string;
    try {
      decoded = decodeURIComponent(name);
    } catch {
      return undefined;
    }
    const at = normalize(join(assets, decoded));
    if (decoded.includes('\0') || !at.startsWith(assets + sep) || types[extname(at)] === undefined || !existsSync(at))
      return undefined;
    const content = readFileSync(at);
    this.#files.set(name, content);
    return content;
  }
}

/** Scripts, workers and connections of our own only; styles may be written by scripts, which Monaco does. */
function policy(host: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self' data:",
    "img-src 'self' data:",
    `connect-src 'self' ws://${host} wss://${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
