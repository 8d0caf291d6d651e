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
