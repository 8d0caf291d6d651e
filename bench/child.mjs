/** A child process that answers messages, one at a time. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment } from './machine.mjs';

/**
 * @param {string} name of the measurement, for errors
 * @param {string} file
 * @param {readonly string[]} args
 * @param {string[]} execArgv
 */
export function startChild(name, file, args, execArgv = []) {
  const child = fork(file, args, { execArgv, env: cleanEnvironment() });
  const exited = once(child, 'exit').then(([code, signal]) => ({
    error: `the process of ${name} ended (${signal ?? code})`,
  }));
  return {
    /** @param {Record<string, unknown>} message */
    async ask(message) {
      const replied = once(child, 'message').then(([reply]) => reply);
      child.send(message);
      const reply = await Promise.race([replied, exited]);
      if (reply.error) throw new Error(reply.error);
      return reply;
    },
    stop() {
      child.kill();
      return exited;
    },
  };
}
