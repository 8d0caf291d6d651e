import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { PROGRAM } from '../cli/program.js';
import { endWithTests } from '../servers/process.js';

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface RunningProxy {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything that was logged until now. */
  readonly log: readonly LogLine[];
  /** Everything on standard error until now. */
  errors(): string;
  /** The outcomes of the logged requests. */
  outcomes(): string[];
  /** Returns the value of a metric, whose name includes its labels. */
  metric(name: string): Promise<number | undefined>;
  /** Ends it as a service manager would, and returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves with the exit code when the proxy has ended and its whole log is in `log`. */
  readonly ended: Promise<number | null>;
}

/** Starts the built program on a free port, and waits until it listens. */
export async function startProxy(
  upstream: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProxy> {
  const child = spawn(
    process.execPath,
    [PROGRAM, 'proxy', '--upstream', upstream, '--port', '0', ...args],
    { env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  endWithTests(child);
  // At `exit` its last lines may not have been read yet.
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const log: LogLine[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      log.push(line);
      if (line.msg === 'listening') resolve(line.url as string);
    });
    child.on('exit', (code) => reject(new Error(`the proxy ended with ${code}: ${errors}`)));
  });
  return {
    url,
    child,
    log,
    errors: () => errors,
    outcomes: () => log.filter(({ msg }) => msg === 'request').map((line) => String(line.outcome)),
    async metric(name) {
      const text = await (await fetch(`${url}/-/metrics`)).text();
      const line = text.split('\n').find((each) => each.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
    ended,
  };
}

/** Sends bytes unchanged, and returns everything that it receives until the server closes the connection. */
export async function sendBytes(url: string, ...pieces: string[]): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  for (const piece of pieces) socket.write(piece, 'latin1');
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the system to its end. */
export async function run(command: string, args: readonly string[], input = ''): Promise<Output> {
  const child = spawn(command, args, { stdio: 'pipe' });
  endWithTests(child);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}
