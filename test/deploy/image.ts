/** Runs commands of the image without Docker: with its files, its user and a read-only root. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../cli/program.js';
import type { LogLine } from '../proxy/program.js';
import { endWithTests, freePort } from '../servers/process.js';
import { DEPLOY, readDockerfile } from './dockerfile.js';

const SCRIPT = fileURLToPath(new URL('in-image.sh', import.meta.url));
const NODE = realpathSync(process.execPath);

export const dockerfile = readDockerfile();

export const isRoot = process.getuid?.() === 0;

/** Whether this user may mount: root, outside of most containers. */
export const canMount =
  isRoot &&
  spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true']).status === 0;

interface Locked {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly peer?: true }>>;
}
const lockIn = (folder: string): Locked =>
  JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));

/** The packages of the image beside samekey, and their versions there and in the tests. */
export function clients(): { path: string; version: string; tested: string | undefined }[] {
  const tested = lockIn(ROOT).packages;
  return Object.entries(lockIn(DEPLOY).packages)
    .filter(([path, { peer }]) => path !== '' && !peer)
    .map(([path, { version }]) => ({ path, version, tested: tested[path]?.version }));
}

/** The folder `/app` of the image: the packed package, and the clients of its stores. */
export function installApp(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'samekey-image-'));
  execFileSync('chmod', ['755', path]);
  const modules = join(path, 'node_modules');
  mkdirSync(modules);
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', path], {
    cwd: ROOT,
  });
  execFileSync('sh', ['-c', 'tar -xzf samekey-*.tgz && rm samekey-*.tgz'], { cwd: path });
  execFileSync('mv', [join(path, 'package'), join(modules, 'samekey')]);
  const paths = clients().map((each) => each.path);
  execFileSync('cp', ['-R', '--parents', ...paths, path], { cwd: ROOT });
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

const [uid = '', gid = ''] = dockerfile.textOf('USER').split(':');
const AS_USER = isRoot
  ? ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs']
  : [];

/**
 * Spawns a command of the image, with the variables of the image and `env`. Without the right to mount, it
 * runs in `app`. `VOLUME_AT_TMPDIR` is a folder that is mounted at the `TMPDIR` of the image.
 */
function spawnInImage(
  app: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const { environment } = dockerfile;
  const variables: Record<string, string> = {
    PATH: `/usr/local/bin:${process.env.PATH}`,
    ...environment,
    ...env,
  };
  if (!canMount && env.VOLUME_AT_TMPDIR) variables.TMPDIR = env.VOLUME_AT_TMPDIR;
  const [program = '', ...words] = canMount
    ? ['unshare', '--mount', 'sh', SCRIPT, app, NODE, `${uid}:${gid}`, ...command]
    : [...AS_USER, ...command.map((word) => (word === 'node' ? NODE : word))];
  const child = spawn(program, words, {
    cwd: app,
    env: variables,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithTests(child);
  return child;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the image to its end. */
export async function runInImage(
  app: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = spawnInImage(app, command, env);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

export interface Container {
  readonly log: readonly LogLine[];
  /** Resolves with the address of the proxy when it listens. */
  readonly listening: Promise<string>;
  readonly ended: Promise<number | null>;
  /** The process of Node.js, as this machine counts it. */
  pid(): number;
  kill(signal: NodeJS.Signals): void;
  /** Runs the health check of the image. */
  check(): Promise<Finished>;
}

/** Makes the volume that a container gets at the `TMPDIR` of the image, with the owner of that folder. */
export function makeVolume(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'samekey-volume-'));
  if (isRoot) chownSync(path, Number(uid), Number(gid));
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

/** Starts the image with further flags, on free ports. */
export async function startContainer(
  app: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Container> {
  const metricsPort = String(await freePort());
  const ports = ['--port', '0', '--metrics-port', metricsPort];
  const command = [...dockerfile.wordsOf('ENTRYPOINT'), ...ports, ...flags];
  const child = spawnInImage(app, command, env);
  const log: LogLine[] = [];
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const listening = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      log.push(line);
      if (line.msg === 'listening') resolve(String(line.url).replace('0.0.0.0', '127.0.0.1'));
    });
    ended.then((code) => reject(new Error(`it ended with ${code}: ${errors}`)));
  });
  listening.catch(() => {});
  const pid = () => {
    if (!canMount) return child.pid as number;
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    if (children === '') throw new Error('Node.js has not started yet');
    return Number(children);
  };
  const [, , checkedPort = ''] = /(:)(\d+)\/ready/.exec(dockerfile.textOf('HEALTHCHECK')) ?? [];
  const check = dockerfile
    .wordsOf('HEALTHCHECK')
    .map((word) => word.replace(checkedPort, metricsPort));
  return {
    log,
    listening,
    ended,
    pid,
    kill: (signal) => process.kill(pid(), signal),
    check: () => runInImage(app, check),
  };
}
