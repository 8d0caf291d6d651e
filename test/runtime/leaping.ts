import { useRuntime } from '../../src/runtime/runtime.js';

/** The clocks of the library, which a test moves. Timers are those of the platform. */
export interface Leaping {
  /** Moves the clocks forward, or back. */
  leap(ms: number): void;
  restore(): void;
}

/** Lets the clocks of the library leap in this process. */
export function leapingTime(): Leaping {
  let aheadMs = 0;
  const restore = useRuntime({
    monotonicMs: () => performance.now() + aheadMs,
    wallClockMs: () => Date.now() + aheadMs,
    steadyClockMs: () => Date.now() + aheadMs,
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
    random: () => Math.random(),
    randomUuid: () => globalThis.crypto.randomUUID(),
  });
  return {
    leap(ms) {
      aheadMs += ms;
    },
    restore,
  };
}
