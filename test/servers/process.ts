import { type ChildProcess, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';

/** Returns a free port of this machine. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Repeats `ask` until it succeeds. Rejects if it never does. */
export async function untilReady(ask: () => Promise<unknown> | unknown, what: string) {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > until) throw new Error(`${what} did not start: ${error}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const running = new Map<ChildProcess, NodeJS.Signals>();
process.on('exit', () => {
  for (const [child, signal] of running) child.kill(signal);
});

/** Ends a process that is still running when the tests end, however they end. */
export function endWithTests(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL') {
  running.set(child, signal);
  child.once('exit', () => running.delete(child));
}

/** Resolves when the process has ended. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

export const isInstalled = (command: string) =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Tests that need a tool. If it is not installed, they print one line. */
export function describeWith(tool: string, isThere: boolean, name: string, tests: () => void) {
  if (isThere) return describe(name, tests);
  describe(name, () => {
    it(`needs ${tool}`, () => {
      console.warn(`${tool} is not here, so these tests did not run: ${name}`);
      expect(process.env.CI, `in CI there must be ${tool}`).toBeFalsy();
    });
  });
}
