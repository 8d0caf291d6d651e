import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long the program works on the dashboard before it goes on with requests. */
const TURN_MS = 5;

/**
 * Returns a function to call in a long loop. It resolves at once, or lets the program do other work if the
 * loop has taken its time: in the process of a proxy the dashboard must not delay a response.
 */
export function breather(): () => Promise<void> | undefined {
  let startedAt = performance.now();
  return () => {
    if (performance.now() - startedAt < TURN_MS) return undefined;
    return nextTurn().then(() => {
      startedAt = performance.now();
    });
  };
}
