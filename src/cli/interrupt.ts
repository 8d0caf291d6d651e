export const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Resolves with the first signal that asks the program to end; a second one ends it at once. */
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
 * Lets the program come to a good end when it is interrupted: `finish` first, then the signal does
 * what it always does, so that a shell loop around the program ends, too. A second one is not held
 * up. Returns a function that undoes this.
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
