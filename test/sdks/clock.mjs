/**
 * A clock for SDKs. Their timers (waits before a retry, timeouts) do not wait: the earliest one fires as
 * soon as nothing else happens in the process, and their time of day moves on with them. So a wait of two
 * minutes costs nothing, and every SDK runs with its default settings. The timers of the platform and of
 * samekey are the real ones.
 */

/** How often the event loop must turn without anything happening. A turn takes at least 1 ms. */
const QUIET_TURNS = 15;

/**
 * @typedef {{at: number, delayMs: number, run: () => void}} Timer
 */

/** Must be called before an SDK is imported: some keep the functions that it replaces. */
export function installClock() {
  const real = { Date, setTimeout, clearTimeout, timeout: AbortSignal.timeout };
  /** @type {Map<object, Timer>} */
  const timers = new Map();
  let nowMs = 0;
  let addedMs = 0;
  let activity = 0;

  /** Whether an SDK calls: the first caller outside of this file is in a package. */
  const isSdk = () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 4;
    const [, , , caller = ''] = (new Error().stack ?? '').split('\n');
    Error.stackTraceLimit = stackTraceLimit;
    return caller.includes('/node_modules/');
  };

  const dateMs = () => real.Date.now() + nowMs + addedMs;
  const sdkNow = () => (isSdk() ? dateMs() : real.Date.now());
  globalThis.Date = new Proxy(real.Date, {
    construct: (target, parts, newTarget) =>
      Reflect.construct(target, parts.length === 0 && isSdk() ? [dateMs()] : parts, newTarget),
    get: (target, name) => (name === 'now' ? sdkNow : Reflect.get(target, name)),
  });

  const add = (/** @type {number} */ delayMs, /** @type {() => void} */ run) => {
    const timer = {
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
      refresh: () => timer,
      close: () => void timers.delete(timer),
      [Symbol.toPrimitive]: () => Number.NaN,
    };
    timers.set(timer, { at: nowMs + delayMs, delayMs, run });
    activity++;
    return timer;
  };

  globalThis.setTimeout = /** @type {any} */ (
    (
      /** @type {(...parts: unknown[]) => void} */ run,
      delayMs = 0,
      /** @type {unknown[]} */ ...parts
    ) =>
      isSdk() && delayMs > 1
        ? add(Number(delayMs), () => run(...parts))
        : real.setTimeout(run, delayMs, ...parts)
  );
  globalThis.clearTimeout = /** @type {any} */ (
    (/** @type {any} */ timer) => {
      if (typeof timer === 'object' && timers.delete(timer)) return;
      real.clearTimeout(timer);
    }
  );
  AbortSignal.timeout = (delayMs) => {
    if (!isSdk()) return real.timeout.call(AbortSignal, delayMs);
    const controller = new AbortController();
    add(delayMs, () =>
      controller.abort(new DOMException('The operation timed out.', 'TimeoutError')),
    );
    return controller.signal;
  };

  return {
    /** Tells the clock that something has happened. */
    stir() {
      activity++;
    },
    /**
     * Settles as `run` does. While it has not settled, `whenQuiet` is called as soon as nothing happens;
     * if it does nothing (`false`), the earliest timer fires.
     *
     * @template T
     * @param {() => Promise<T>} run
     * @param {(nextMs: number | undefined) => boolean} whenQuiet
     * @returns {Promise<T>}
     */
    async advance(run, whenQuiet) {
      let isOver = false;
      let hasFired = false;
      const result = run().finally(() => {
        isOver = true;
      });
      result.catch(() => {});
      for (let turns = 0, seen = activity; !isOver; turns++) {
        await new Promise((resolve) => real.setTimeout(() => setImmediate(resolve), 1));
        if (seen !== activity) {
          seen = activity;
          turns = 0;
        }
        if (turns < QUIET_TURNS) continue;
        turns = 0;
        const [timer, next] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [
          undefined,
          undefined,
        ];
        if (whenQuiet(next?.delayMs)) continue;
        if (timer === undefined || next === undefined) continue;
        timers.delete(timer);
        nowMs = Math.max(nowMs, next.at);
        // So that a header with a time in seconds differs after a wait of milliseconds.
        if (!hasFired) addedMs += 1000;
        hasFired = true;
        next.run();
      }
      timers.clear();
      return result;
    },
    nowMs: () => nowMs,
  };
}
