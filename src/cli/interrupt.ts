import { EXIT } from './exit-codes.js';

export const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Resolves with the first SIGINT or SIGTERM. A second one ends the program at once. */
export function interrupted(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const handle = (signal: NodeJS.Signals) => {
      for (const each of SIGNALS) process.removeListener(each, handle);
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, handle);
  });
}

/**
 * Is `interrupted`, for a program whose start takes time: until it calls `started`, a signal ends it at
 * once. Process 1 of a container ignores signals without a handler, so this one is there from the start.
 */
export function interruptedAfterStart(): {
  readonly ending: Promise<NodeJS.Signals>;
  started(): void;
} {
  let isStarting = true;
  const ending = interrupted();
  ending.then((signal) => isStarting && process.exit(exitCodeOf(signal)));
  return {
    ending,
    started() {
      isStarting = false;
    },
  };
}

/** The exit code of a shell for a program that a signal has ended. */
export const exitCodeOf = (signal: NodeJS.Signals) =>
  signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;

/**
 * Calls `finish` on the first SIGINT or SIGTERM, and then ends the program by that signal, so that a
 * shell loop around it ends as well. A second signal ends the program at once. Returns a function that
 * removes the handlers.
 */
export function onInterrupt(finish: () => Promise<void>): () => void {
  const handle = async (signal: NodeJS.Signals) => {
    stop();
    await finish();
    process.kill(process.pid, signal);
  };
  const stop = () => {
    for (const signal of SIGNALS) process.removeListener(signal, handle);
  };
  for (const signal of SIGNALS) process.on(signal, handle);
  return stop;
}
