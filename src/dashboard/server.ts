/** The server of the dashboard: what the store holds and how calls end, for a page on this machine. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ProxyError } from '../proxy/proxy-error.js';
import { malformed, writeRaw } from '../proxy/refusals.js';
import { httpAddress } from '../proxy/request-target.js';
import type { Store } from '../store/store.js';
import { Access, type Place, refuseForeignChange, refuseOtherSites } from './access.js';
import { Live } from './live.js';
import type { EvictReply, Overview, RecordPage, RecordRow } from './messages.js';
import { DashboardProblem } from './problem.js';
import { detailOf } from './record-detail.js';
import { rowAt } from './store-rows.js';
import { StoreFault, StoreWatch } from './store-watch.js';
import { BUCKET_MS, CallTally, MAX_BUCKETS } from './tally.js';

export { isLoopbackName } from '../proxy/request-target.js';
export { countLine } from './call-line.js';
export { followLog } from './log-file.js';

export interface DashboardOptions {
  readonly version: string;
  readonly source: Overview['source'];
  readonly store: Store;
  /** Whether calls are counted. */
  readonly hasCalls: boolean;
  readonly allowEvict: boolean;
  /** Deletes a record where there is a cache in front of the store. */
  readonly evict?: (key: string) => Promise<boolean>;
  /** Whether only this machine can reach it. */
  readonly isLoopback: boolean;
  /** Where browsers reach it, if there is a server in front of it. */
  readonly publicUrl: string | undefined;
  /** Whether the link has a token. */
  readonly hasToken: boolean;
}

export interface Dashboard {
  /** It does not listen yet. */
  readonly server: Server;
  /** Counts the calls. */
  readonly tally: CallTally;
  /** The origin of `publicUrl`. */
  readonly publicOrigin: string | undefined;
  /** Returns the path of the link with a new token, which works once. The link before does not work any more. */
  newLink(): string;
  /** Ends all connections and timers. */
  close(): void;
}

/** All files of the page. */
const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.js': 'text/javascript; charset=utf-8',
  'uplot.LICENSE': 'text/plain; charset=utf-8',
};

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

const MAX_TARGET_CHARACTERS = 8192;
const MAX_SEARCH_CHARACTERS = 1024;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;
const STATES: readonly RecordRow['state'][] = ['running', 'unknown', 'done', 'failed'];

/** @throws {ProxyError} `SAMEKEY_BAD_ARGUMENT` for a `publicUrl` that is no origin. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { isLoopback, publicUrl } = options;
  const publicOrigin = publicUrl === undefined ? undefined : originOf(publicUrl);
  const handler = new Handler(options, { isLoopback, publicOrigin });
  const server = createServer((request, response) => handler.handle(request, response));
  server.on('clientError', (error, socket) => writeRaw(socket, malformed(error)));
  return {
    server,
    tally: handler.tally,
    publicOrigin,
    newLink: () => (options.hasToken ? `/?token=${handler.access.newToken()}` : '/'),
    close() {
      handler.close();
      server.close();
      // A browser keeps idle connections open, which would delay the end.
      server.closeAllConnections();
    },
  };
}

function originOf(publicUrl: string): string {
  const name = 'the public URL of the dashboard';
  const example = 'https://dashboard.example.com';
  const { origin, base } = httpAddress(publicUrl, name, example);
  if (base === '') return origin;
  throw new ProxyError(
    400,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use ${name}: it has a path, and the paths of the dashboard begin at /, wanted a host name of its own such as ${example}`,
  );
}

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
) => unknown;

class Handler {
  readonly access: Access;
  readonly tally = new CallTally();
  readonly #options: DashboardOptions;
  readonly #place: Place;
  readonly #watch: StoreWatch;
  readonly #live: Live;
  readonly #overview: Overview;
  /** By method and path. */
  readonly #answers: ReadonlyMap<string, Answer>;

  constructor(options: DashboardOptions, place: Place) {
    this.#place = place;
    this.access = new Access({ isSecure: place.publicOrigin?.startsWith('https:') === true });
    const { version, source, store, allowEvict, hasCalls } = options;
    this.#options = options;
    this.#watch = new StoreWatch(store);
    this.#live = new Live(this.tally, this.#watch);
    this.#overview = {
      version,
      source,
      storeName: store.name,
      storeAddress: store.address,
      allowEvict,
      hasCalls,
      bucketMs: BUCKET_MS,
      maxBuckets: MAX_BUCKETS,
    };
    this.#answers = new Map<string, Answer>([
      ['GET /api/overview', (_, response) => writeJson(response, this.#overview)],
      ['GET /api/live', (_, response) => this.#live.add(response, HEADERS)],
      [
        'GET /api/records',
        async (_, response, query) => writeJson(response, await this.#records(query)),
      ],
      [
        'GET /api/record',
        async (_, response, query) => writeJson(response, await this.#record(query)),
      ],
      [
        'POST /api/evict',
        async (request, response, query) => writeJson(response, await this.#evict(request, query)),
      ],
      ...['', ...Object.keys(FILES)].map((name): [string, Answer] => [
        `GET /${name}`,
        (_, response) => writeFile(response, name || 'index.html'),
      ]),
    ]);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    // A body is never read. A client that sends one gets its answer before it has sent it.
    request.resume();
    try {
      await this.#answer(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else writeProblem(response, problemOf(error));
    }
  }

  close(): void {
    this.#watch.close();
    this.#live.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '' } = request;
    refuseOtherSites(request, this.#place);
    if (target.length > MAX_TARGET_CHARACTERS) {
      throw new DashboardProblem(
        414,
        `The address has more than ${MAX_TARGET_CHARACTERS} characters.`,
      );
    }
    if (!target.startsWith('/')) throw new DashboardProblem(400, 'The address is no path.');
    const [path = '', ...rest] = target.split('?');
    const query = queryOf(rest.join('?'));
    const token = method === 'GET' && path === '/' ? query.get('token') : null;
    // Also in a browser with a session: a link that was opened must not work elsewhere.
    const isRedeemed = token !== null && this.access.redeem(token);
    if (this.#options.hasToken && !this.access.hasSession(request) && !isRedeemed) {
      throw new DashboardProblem(
        401,
        'The browser has no session, wanted the link that the program prints. Each link works once; SIGUSR2 or a restart prints another one.',
      );
    }
    if (token !== null) {
      // The token must not stay in the history of the browser.
      const session = isRedeemed && { 'set-cookie': this.access.cookieFor(request) };
      response.writeHead(303, { ...HEADERS, location: '/', ...session }).end();
      return;
    }
    const read = this.#answers.get(`${method === 'HEAD' ? 'GET' : method} ${path}`);
    const isLive = path === '/api/live';
    if (read !== undefined && !(isLive && method === 'HEAD')) {
      await read(request, response, query);
      return;
    }
    const allowed = ['GET', 'POST'].filter((each) => this.#answers.has(`${each} ${path}`));
    if (allowed.length === 0) throw new DashboardProblem(404, 'There is no such page.');
    const allow = allowed[0] === 'GET' && !isLive ? 'GET, HEAD' : allowed.join(', ');
    throw new DashboardProblem(405, `Wanted ${allow}.`, 'SAMEKEY_REFUSED', { allow });
  }

  async #records(query: URLSearchParams): Promise<RecordPage> {
    const search = query.get('search') ?? '';
    const after = query.get('after') || undefined;
    const state = (query.get('state') || undefined) as RecordRow['state'] | undefined;
    const limit = limitIn(query.get('limit'));
    if (state !== undefined && !STATES.includes(state)) {
      throw new DashboardProblem(400, `The state is unknown, wanted ${STATES.join(', ')}.`);
    }
    if (Math.max(search.length, after?.length ?? 0) > MAX_SEARCH_CHARACTERS) {
      throw new DashboardProblem(400, `A key has at most ${MAX_SEARCH_CHARACTERS} characters.`);
    }
    const rows = await this.#watch.latestRows();
    const nowMs = Date.now();
    const page = rows.page({ search, state, after, limit }, nowMs);
    const isWhole = rows.isWhole;
    if (search === '' || after !== undefined || rows.has(search, nowMs)) {
      return { nowMs, isWhole, ...page };
    }
    // A key that the latest look has not reached is found as well.
    const found = await this.#watch.readRow(search).catch(() => undefined);
    const row = found && rowAt(found, nowMs);
    if (row === undefined || (state !== undefined && row.state !== state)) {
      return { nowMs, isWhole, ...page };
    }
    const records = [row, ...page.records].slice(0, limit);
    const hasMore = page.records.length + 1 > limit || page.next !== undefined;
    const next = hasMore ? records.at(-1)?.key : undefined;
    return { nowMs, isWhole, records, next, matchCount: page.matchCount + 1 };
  }

  async #record(query: URLSearchParams) {
    const key = keyIn(query);
    const found = await this.#watch.read(key);
    if (found === undefined) throw new DashboardProblem(404, 'There is no record of this key.');
    return detailOf(key, found, Date.now());
  }

  async #evict(request: IncomingMessage, query: URLSearchParams): Promise<EvictReply> {
    const { allowEvict, store, evict = (each: string) => store.evict(each) } = this.#options;
    if (!allowEvict) {
      throw new DashboardProblem(403, 'The dashboard only reads, wanted one with --allow-evict.');
    }
    refuseForeignChange(request, this.#place);
    const key = keyIn(query);
    if (await this.#watch.evict(key, evict)) return { outcome: 'evicted' };
    const record = await this.#watch.read(key);
    return { outcome: record === undefined ? 'missing' : 'running' };
  }
}

function queryOf(text: string): URLSearchParams {
  try {
    // URLSearchParams would read a wrong escape as text, and another key.
    decodeURIComponent(text.replaceAll('+', ' '));
    return new URLSearchParams(text);
  } catch {
    throw new DashboardProblem(400, 'The query has a wrong percent-encoding, wanted UTF-8.');
  }
}

function keyIn(query: URLSearchParams): string {
  const [key = '', ...others] = query.getAll('key');
  if (key === '' || others.length > 0) throw new DashboardProblem(400, 'Wanted one key.');
  return key;
}

function limitIn(text: string | null): number {
  if (text === null || text === '') return DEFAULT_LIMIT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new DashboardProblem(
    400,
    `The limit is wrong, wanted a whole number from 1 to ${MAX_LIMIT}.`,
  );
}

function problemOf(error: unknown): DashboardProblem {
  if (error instanceof DashboardProblem) return error;
  if (error instanceof StoreFault) {
    return new DashboardProblem(503, error.message, 'SAMEKEY_STORE');
  }
  return new DashboardProblem(500, 'The dashboard failed.', 'SAMEKEY_FAULT');
}

function writeProblem(response: ServerResponse, problem: DashboardProblem): void {
  const text = `${JSON.stringify(problem.body)}\n`;
  response.writeHead(problem.status, {
    ...HEADERS,
    ...problem.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function writeJson(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(200, {
    ...HEADERS,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function writeFile(response: ServerResponse, name: string): void {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(new URL(`../dashboard/${name}`, import.meta.url));
  } catch {
    throw new DashboardProblem(404, `dist/dashboard/${name} is missing, wanted npm run build.`);
  }
  response.writeHead(200, {
    ...HEADERS,
    'content-type': FILES[name] as string,
    'content-length': bytes.length,
  });
  response.end(bytes);
}
