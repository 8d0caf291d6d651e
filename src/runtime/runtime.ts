/**
 * The clocks, timers and random numbers of the platform. Everything above this layer gets them from
 * here and nowhere else, so that the simulator in `test/simulation` can run the real code under a
 * clock and a scheduler of its own.
 */
export interface Runtime {
  /** Milliseconds since some fixed moment, by a clock that nobody can set. */
  monotonicMs(): number;
  /** Milliseconds since 1970, by a clock that may be set forward or back at any time. */
  wallClockMs(): number;
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer | undefined): void;
  /** At least 0, less than 1; not for secrets. */
  random(): number;
  randomUuid(): string;
}

/** A timer of the platform. In Node.js a timer that is `unref`ed does not keep the process alive. */
export interface Timer {
  ref?(): void;
  unref?(): void;
}

/** Every function is looked up when it is called: tests replace the global ones with fake timers. */
const platform: Runtime = {
  monotonicMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  setTimer: (callback, delayMs) => setTimeout(callback, delayMs) as unknown as Timer,
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
  random: () => Math.random(),
  randomUuid: () => globalThis.crypto.randomUUID(),
};

let current = platform;

/** Replaces the runtime of this process; returns a function that restores the platform's. */
export function useRuntime(runtime: Runtime): () => void {
  current = runtime;
  return () => {
    current = platform;
  };
}

export const monotonicMs = (): number => current.monotonicMs();
export const wallClockMs = (): number => current.wallClockMs();
export const setTimer = (callback: () => void, delayMs: number): Timer =>
  current.setTimer(callback, delayMs);
export const clearTimer = (timer: Timer | undefined): void => current.clearTimer(timer);
/** What makes timers now. A test that installs or removes fake timers changes it. */
export const timerSource = (): unknown => (current === platform ? globalThis.setTimeout : current);
export const random = (): number => current.random();
export const randomUuid = (): string => current.randomUuid();

/** Resolves after `delayMs`. */
export const sleep = (delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    setTimer(resolve, delayMs);
  });

/**
 * Whether timers, streams, sockets and signals belong to the request that made them: on Cloudflare
 * Workers and Vercel's edge runtime. They end with that request, and no other request may use them.
 */
export const isBoundToRequest = (): boolean =>
  // `navigator.userAgent` says so too, but only from a compatibility date on.
  'WebSocketPair' in globalThis || 'EdgeRuntime' in globalThis;
