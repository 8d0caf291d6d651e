/**
 * The clocks, timers and random numbers of the platform. Everything above this layer gets them from
 * here and nowhere else, so that the simulator in `test/simulation` can run the real code under a
 * clock and a scheduler of its own.
 */
export interface Runtime {
  /** Milliseconds since a fixed moment, by a clock that cannot be set. */
  monotonicMs(): number;
  /** Milliseconds since 1970, by a clock that may be set forward or back at any time. */
  wallClockMs(): number;
  /**
   * Whole milliseconds since 1970: the wall clock at the start of the process, continued by a clock that
   * cannot be set.
   */
  steadyClockMs(): number;
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

/**
 * Fake timers (vitest, jest, sinon, `node:test`) replace `Date`. A test that advances their time expects
 * results to expire, so the steady clocks follow it.
 */
const PlatformDate = Date;
const isDateReplaced = () => Date !== PlatformDate;

/** The runtime that a simulator has set in place of the platform's. */
let replacement: Runtime | undefined;

/** Replaces the runtime of this process; returns a function that restores the platform's. */
export function useRuntime(runtime: Runtime): () => void {
  replacement = runtime;
  return () => {
    replacement = undefined;
  };
}

// One function each, so that bundlers drop those that a store does not call. They look up every
// global at call time, because tests replace them with fake timers.
export const monotonicMs = (): number =>
  replacement ? replacement.monotonicMs() : performance.now();
export const wallClockMs = (): number => (replacement ? replacement.wallClockMs() : Date.now());
export const steadyClockMs = (): number => {
  if (replacement) return replacement.steadyClockMs();
  // In workerd `timeOrigin` is 0, and `now()` counts from 1970.
  return isDateReplaced() ? Date.now() : Math.floor(performance.timeOrigin + performance.now());
};
export const setTimer = (callback: () => void, delayMs: number): Timer =>
  replacement
    ? replacement.setTimer(callback, delayMs)
    : (setTimeout(callback, delayMs) as unknown as Timer);
export const clearTimer = (timer: Timer | undefined): void =>
  replacement
    ? replacement.clearTimer(timer)
    : clearTimeout(timer as ReturnType<typeof setTimeout> | undefined);
/** The current source of timers. A test that installs or removes fake timers changes it. */
export const timerSource = (): unknown => replacement ?? globalThis.setTimeout;
export const random = (): number => (replacement ?? Math).random();
export const randomUuid = (): string =>
  replacement ? replacement.randomUuid() : globalThis.crypto.randomUUID();

/** Fills bytes with random ones for cryptography. A simulator need not replace them: nothing depends on their values. */
export const fillSecretBytes = (bytes: Uint8Array): void => {
  globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
};

/**
 * Calls back after the events of this turn of the event loop, such as the requests of many connections.
 * A test's fake timers do not hold it back. Returns the timer, if the platform has one for this.
 */
export const afterEvents = (callback: () => void): Timer | undefined => {
  if (replacement) return replacement.setTimer(callback, 0);
  if (platformImmediate) return platformImmediate(callback);
  Promise.resolve().then(callback);
  return undefined;
};
const platformImmediate = (globalThis as { setImmediate?: (callback: () => void) => Timer })
  .setImmediate;

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
  // `navigator.userAgent` shows it, too, but only from a compatibility date on.
  'WebSocketPair' in globalThis || 'EdgeRuntime' in globalThis;

/**
 * Returns a function that runs `callback` in the request that called this, even if another request calls
 * it. On a platform that binds objects to requests, only a promise passes from one to the other.
 */
export function inThisRequest(callback: () => void): () => void {
  if (!isBoundToRequest()) return callback;
  let run = () => {};
  const called = new Promise<void>((resolve) => {
    run = resolve;
  });
  // Before the compatibility date 2024-10-14 it runs in the request of the caller, and may fail there.
  called.then(callback).catch(() => {});
  return run;
}

/**
 * Milliseconds by a clock that cannot be set and that all processes of the machine share until it
 * reboots. `undefined` if the platform has no such clock: on Bun and Deno
 * `process.hrtime` counts from the start of the process, and fake timers count from 0.
 */
export function machineMonotonicMs(): number | undefined {
  if (isDateReplaced() || 'Bun' in globalThis || 'Deno' in globalThis) return undefined;
  const { process } = globalThis as { process?: { hrtime?: { bigint?(): bigint } } };
  // The edge runtime of Next.js has `hrtime` without `bigint`.
  return process?.hrtime?.bigint && Number(process.hrtime.bigint()) / 1e6;
}
