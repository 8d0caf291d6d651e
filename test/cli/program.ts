import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The program that `npm run build` builds, the `bin` of the package. */
export const PROGRAM = join(ROOT, 'dist/cli/samekey.js');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Standard input. Empty by default. */
  readonly input?: string | Uint8Array | Readable;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly nodeOptions?: readonly string[];
  /** Another copy of the program. */
  readonly program?: string;
}

/** An environment without variables for colours, engines or secrets. */
function environment(env: RunOptions['env']): Record<string, string> {
  return { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env };
}

/** Runs the program as a script does, and waits for its end. */
export async function samekey(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = spawn(
    process.execPath,
    [...(options.nodeOptions ?? []), options.program ?? PROGRAM, ...args],
    {
      env: environment(options.env),
      cwd: options.cwd ?? ROOT,
    },
  );
  // A program that ends with an error does not read all of its input.
  child.stdin.on('error', () => {});
  const { input = '' } = options;
  if (typeof input === 'string' || input instanceof Uint8Array) child.stdin.end(input);
  else input.pipe(child.stdin);
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { code, stdout, stderr };
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

/** A temporary folder for the inputs of one test file. */
export function folder(): {
  path: string;
  write(name: string, content: string | Uint8Array): string;
} {
  const path = mkdtempSync(join(tmpdir(), 'samekey-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
  };
}

/** Checks that the program ended with this code, one line on standard error, and no output. */
export function expectFailure(run: Run, code: number, message: string | RegExp): void {
  expect(run).toEqual({
    code,
    stdout: '',
    stderr: expect.stringMatching(/^samekey: [^\n]+\n$/),
  });
  const line = run.stderr.slice('samekey: '.length, -1);
  if (typeof message === 'string') expect(line).toBe(message);
  else expect(line).toMatch(message);
  expect(line).not.toMatch(/\bat .*\.[jt]s:\d+|undefined|\[object/);
}

const has = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export const hasPython = has('python3', '--version');
const hasScript =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/** Runs a test if its tool is installed. Otherwise it prints a warning, and fails in CI. */
export function itWith(tool: string, isThere: boolean, name: string, test: () => Promise<void>) {
  it(name, async () => {
    if (isThere) return test();
    console.warn(`${tool} is not installed, skipped: ${name}`);
    expect(process.env.CI, `CI requires ${tool}`).toBeFalsy();
  });
}

export function itOnTerminal(name: string, test: () => Promise<void>) {
  itWith('a pseudo-terminal (script or python3)', hasScript || hasPython, name, test);
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** `pty.spawn` runs the program on a terminal, and copies its output to standard output. */
const PYTHON_PTY =
  'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", sys.argv[1]])))';

/** Runs the program on a terminal with `columns`. `stdout` is everything that the terminal shows. */
export async function onTerminal(
  args: readonly string[],
  {
    env,
    columns = 80,
    shell = '%',
  }: {
    env?: Record<string, string>;
    columns?: number;
    /** The command of the shell. `%` stands for the program. */
    shell?: string;
  } = {},
): Promise<Run> {
  const words = [process.execPath, PROGRAM, ...args].map(quoted).join(' ');
  const command = `stty cols ${columns} rows 40; ${shell === '%' ? 'exec ' : ''}${shell.replace('%', () => words)}`;
  const [tool, toolArgs] = hasScript
    ? ['script', ['--quiet', '--return', '--command', command, '/dev/null']]
    : ['python3', ['-c', PYTHON_PTY, command]];
  const child = spawn(tool as string, toolArgs as string[], {
    env: environment({ SHELL: '/bin/sh', ...env }),
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  child.stdin.destroy();
  return { code, stdout: stdout.replaceAll('\r\n', '\n'), stderr };
}
