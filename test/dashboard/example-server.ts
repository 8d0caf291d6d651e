import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type {
  EvictReply,
  LiveMessage,
  Overview,
  Problem,
  RecordDetail,
  RecordPage,
  RecordRow,
} from '../../src/dashboard/messages.js';
import { detailOf, OVERVIEW } from './example-data.js';

const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.js': 'text/javascript; charset=utf-8',
  'uplot.LICENSE': 'text/plain; charset=utf-8',
};

/** As strict as the server of the dashboard: no inline style, no inline script, nothing foreign. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/** As often as the server of the dashboard, so that a page does not count the connection as lost. */
const HEARTBEAT_MS = 5000;

export interface ExampleServer {
  readonly address: string;
  overview: Overview;
  /** In the order of their keys. */
  records: RecordRow[];
  /** The details of a key, where they are not those of `detailOf`. */
  readonly details: Map<string, Partial<RecordDetail>>;
  /** The first message of each connection. */
  first: LiveMessage;
  /** The keys that were evicted. */
  readonly evicted: string[];
  /** The status of all answers below api/ while it is set. */
  status: number | undefined;
  /** Scripts that the page runs beside its own. */
  scripts: Readonly<Record<string, string>>;
  /** The bodies of requests to `/report`. */
  readonly reports: string[];
  /** How many pages receive messages. */
  readonly readerCount: number;
  send(message: LiveMessage): void;
  /** Answers no request to this path until the function that it returns is called. */
  hold(path: string): () => void;
  /** Stops to listen and ends all connections, and begins again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A server that speaks the contract of src/dashboard/messages.ts, and does what a test says. */
export async function serveExample(root: string, first: LiveMessage): Promise<ExampleServer> {
  const live = new Set<ServerResponse>();
  const waits = new Map<string, Promise<void>>();
  /** The message that was sent last, and when. */
  let latest = first;
  let sentAt = 0;
  setInterval(() => {
    if (performance.now() - sentAt < HEARTBEAT_MS) return;
    const nowMs = latest.nowMs + performance.now() - sentAt;
    for (const response of live) write(response, { ...latest, nowMs, buckets: [] });
  }, HEARTBEAT_MS).unref();
  let port = 0;
  const server = createServer((request, response) => {
    void answer(request, response).catch((error) => response.destroy(error));
  });

  const example: ExampleServer = {
    address: '',
    overview: OVERVIEW,
    records: [],
    details: new Map(),
    first,
    evicted: [],
    status: undefined,
    scripts: {},
    reports: [],
    get readerCount() {
      return live.size;
    },
    send(message) {
      latest = message;
      sentAt = performance.now();
      for (const response of live) write(response, message);
    },
    hold(path) {
      let answer = () => {};
      const held = new Promise<void>((resolve) => {
        answer = () => {
          waits.delete(path);
          resolve();
        };
      });
      waits.set(path, held);
      return answer;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    async start() {
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
      Object.assign(example, { address: `http://127.0.0.1:${port}/` });
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname.slice(1);
    const key = searchParams.get('key') ?? '';
    if (path.startsWith('api/') && example.status !== undefined) {
      problem(response, example.status, 'The session has ended');
      return;
    }
    await waits.get(path);
    const row = example.records.find((each) => each.key === key);
    switch (path) {
      case 'api/overview':
        json(response, example.overview);
        return;
      case 'api/live':
        response.writeHead(200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
        });
        response.write('retry: 500\n\n');
        latest = example.first;
        sentAt = performance.now();
        write(response, latest);
        live.add(response);
        response.on('close', () => live.delete(response));
        return;
      case 'api/records':
        json(response, pageOf(example.records, searchParams, example.first.nowMs));
        return;
      case 'api/record':
        if (row === undefined) problem(response, 404, 'There is no such record');
        else json(response, { ...detailOf(row, example.first.nowMs), ...example.details.get(key) });
        return;
      case 'api/evict':
        json(response, evict(request, row));
        return;
      case 'report':
        example.reports.push(await textOf(request));
        response.end();
        return;
      default:
        file(response, path || 'index.html');
    }
  }

  function evict({ method }: IncomingMessage, row: RecordRow | undefined): EvictReply {
    if (method !== 'POST' || row === undefined) return { outcome: 'missing' };
    if (row.state === 'running') return { outcome: 'running' };
    example.evicted.push(row.key);
    example.records = example.records.filter((each) => each !== row);
    return { outcome: 'evicted' };
  }

  function file(response: ServerResponse, name: string): void {
    const script = example.scripts[name];
    const type = TYPES[name] ?? (script === undefined ? undefined : TYPES['dashboard.js']);
    if (type === undefined) {
      response.writeHead(404).end();
      return;
    }
    let text = script ?? readFileSync(join(root, 'dist/dashboard', name), 'utf8');
    if (name === 'index.html') {
      const tags = Object.keys(example.scripts).map(
        (each) => `<script type="module" src="./${each}"></script>`,
      );
      text = text.replace('</head>', `${tags.join('')}</head>`);
    }
    response.writeHead(200, {
      'content-type': type,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    response.end(text);
  }

  await example.start();
  return example;
}

function pageOf(records: readonly RecordRow[], query: URLSearchParams, nowMs: number): RecordPage {
  const search = query.get('search') ?? '';
  const state = query.get('state') ?? '';
  const after = query.get('after');
  const limit = Number(query.get('limit'));
  const matching = records.filter(
    (row) => row.key.startsWith(search) && (state === '' || row.state === state),
  );
  const from = after === null ? 0 : matching.findIndex(({ key }) => key > after);
  const page = from < 0 ? [] : matching.slice(from, from + limit);
  return {
    nowMs,
    records: page,
    next: from >= 0 && from + limit < matching.length ? page.at(-1)?.key : undefined,
    matchCount: matching.length,
    isWhole: true,
  };
}

const write = (response: ServerResponse, message: LiveMessage) =>
  response.write(`data: ${JSON.stringify(message)}\n\n`);

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function problem(response: ServerResponse, status: number, detail: string): void {
  const body: Problem = { title: detail, detail, code: 'EXAMPLE' };
  response
    .writeHead(status, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
