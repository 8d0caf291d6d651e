import { useRuntime } from '../../src/runtime/runtime.js';

/**
 * Makes time pass `factor` times as fast for the library in this process: for its clocks and timers,
 * not for servers, sockets or the test's own timers. Returns a function that restores the normal speed.
 */
export function fasterTime(factor: number): () => void {
  const startMs = performance.now();
  const elapsedMs = () => (performance.now() - startMs) * factor;
  const startedAt = Date.now();
  return useRuntime({
    monotonicMs: () => startMs + elapsedMs(),
    wallClockMs: () => startedAt + Math.floor(elapsedMs()),
    steadyClockMs: () => startedAt + Math.floor(elapsedMs()),
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs / factor),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
    random: () => Math.random(),
    randomUuid: () => globalThis.crypto.randomUUID(),
  });
}
