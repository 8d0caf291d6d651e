/** The processes of the soak, and what the system knows of them. Linux only. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../machine.mjs';

const PROBE = new URL('probe.mjs', import.meta.url).href;
const ESTABLISHED = '01';

/** @typedef {ReturnType<typeof startProcess>} Process */

/**
 * @param {string} name for errors
 * @param {string} file
 * @param {readonly (string | number)[]} args
 * @param {{ isProbed?: boolean, env?: Record<string, string> }} [how]
 */
export function startProcess(name, file, args, { isProbed = false, env = {} } = {}) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args.map(String), {
    execArgv: isProbed ? ['--expose-gc', '--import', PROBE] : [],
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  /** @type {Map<number, (reply: any) => void>} */
  const waiting = new Map();
  let asked = 0;
  child.on('message', (/** @type {any} */ reply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    isRunning = false;
    return signal ?? code;
  });
  let isRunning = true;
  const pid = /** @type {number} */ (child.pid);
  return {
    name,
    pid,
    stdout: /** @type {import('node:stream').Readable} */ (child.stdout),
    /** @param {Record<string, unknown>} message @returns {Promise<any>} */
    ask(message) {
      const id = asked++;
      const replied = new Promise((resolve) => {
        waiting.set(id, resolve);
      });
      child.send({ ...message, id });
      const ended = exited.then((how) => {
        throw new Error(`the process of the ${name} ended (${how})`);
      });
      return Promise.race([replied, ended]);
    },
    /** Ends it as an operator does. Resolves to the exit code or the signal. */
    stop() {
      if (isRunning) child.kill('SIGTERM');
      return exited;
    },
  };
}

/** @param {number} pid */
export const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** @param {number} pid */
export const openFiles = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** Returns how many connections of IPv4 are open on these ports of servers. @param {readonly number[]} ports */
export function openConnections(ports) {
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return rows.filter((row) => {
    const [, local = '', , state] = row.trim().split(/\s+/);
    return state === ESTABLISHED && ports.includes(Number.parseInt(local.split(':')[1] ?? '', 16));
  }).length;
}
