import { type ChildProcess, spawn } from 'node:child_process';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { LiveMessage } from '../../src/dashboard/messages.js';
import { PROGRAM } from '../cli/program.js';
import { endWithTests } from '../servers/process.js';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any member.
  readonly json: any;
}

/** A browser with a session: requests with its cookie. */
export interface Visitor {
  readonly url: string;
  readonly cookie: string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** A change, as the page asks for it. */
  post(path: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** The messages of the live stream. */
  live(headers?: Readonly<Record<string, string>>): Promise<LiveStream>;
}

export interface LiveStream {
  readonly headers: IncomingMessage['headers'];
  readonly messages: LiveMessage[];
  /** The newest message. */
  last(): LiveMessage | undefined;
  close(): void;
}

/** Sends a request exactly as given, without the normalization that `fetch` does. */
export function send(
  url: string,
  path: string,
  {
    method = 'GET',
    headers = {},
  }: { method?: string; headers?: Record<string, string | string[]> } = {},
): Promise<Reply> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers, agent: false });
    request.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        resolve({
          status,
          headers: response.headers,
          text,
          get json() {
            return JSON.parse(text);
          },
        });
      });
    });
    request.end();
  });
}

/** Opens the link, as a browser does, and returns one with its session. */
export async function visit(
  link: string,
  given: Readonly<Record<string, string>> = {},
): Promise<Visitor> {
  const { origin: url, search } = new URL(link);
  const reply = await send(url, `/${search}`, { headers: given });
  const cookie = reply.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
  return {
    url,
    cookie,
    get: (path, headers = {}) => send(url, path, { headers: { cookie, ...headers } }),
    post: (path, headers = {}) =>
      send(url, path, { method: 'POST', headers: { cookie, origin: url, ...headers } }),
    live: (headers = {}) => openLive(url, { cookie, ...headers }),
  };
}

function openLive(url: string, headers: Record<string, string>): Promise<LiveStream> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/api/live`, { headers, agent: false });
    request.on('error', reject).on('response', (response) => {
      const messages: LiveMessage[] = [];
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
        const events = text.split('\n\n');
        text = events.pop() as string;
        for (const event of events) messages.push(JSON.parse(event.replace(/^data: /, '')));
      });
      response.on('error', () => {});
      const close = () => request.destroy();
      resolve({ headers: response.headers, messages, last: () => messages.at(-1), close });
    });
    request.end();
  });
}

export interface RunningDashboard {
  readonly link: string;
  readonly child: ChildProcess;
  /** Everything that it printed. */
  output(): string;
  /** Ends it, and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `samekey dashboard` on a free port. */
export function startDashboard(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningDashboard> {
  const all = ['dashboard', '--port', '0', ...args];
  const child = spawn(process.execPath, [PROGRAM, ...all], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return linkOf(child, /^samekey dashboard: (https?:\S+)\n/m);
}

/** Waits until a program has printed its link. */
export async function linkOf(child: ChildProcess, pattern: RegExp): Promise<RunningDashboard> {
  endWithTests(child);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let output = '';
  const link = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = pattern.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    ended.then((code) => reject(new Error(`it ended with ${code}: ${output}`)));
  });
  return {
    link,
    child,
    output: () => output,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}
