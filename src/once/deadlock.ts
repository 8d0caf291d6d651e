import { builtinModule } from '../engine/builtin-module.js';
import { deadlocked } from './errors.js';

/** A run that other calls of its key wait for. */
export interface Awaited {
  readonly key: string;
  /** Only in the phase `running` is the function active. */
  readonly phase: string;
}

/** Knows in which run the current code was called. */
interface RunContextStorage {
  run<T, A extends unknown[]>(run: Awaited | undefined, fn: (...args: A) => T, ...args: A): T;
  getStore(): Awaited | undefined;
}

/** `node:async_hooks`, or the globals of an edge runtime. */
interface AsyncHooks {
  readonly AsyncLocalStorage?: new () => RunContextStorage;
}

let storage: RunContextStorage | undefined;

function contexts(): RunContextStorage {
  storage ??= asyncContexts() ?? synchronousContexts();
  return storage;
}

/**
 * Costs nothing from Node 24 on. Older versions slow down every promise: on Node 20.20 a first run on
 * the memory store took 18 µs of processor time instead of 16. A deadlock costs more: it keeps its keys
 * locked until the process ends.
 */
function asyncContexts(): RunContextStorage | undefined {
  const hooks = builtinModule<AsyncHooks>('node:async_hooks') ?? (globalThis as AsyncHooks);
  return hooks.AsyncLocalStorage && new hooks.AsyncLocalStorage();
}

/** Knows the run until the function's first `await`. */
function synchronousContexts(): RunContextStorage {
  let current: Awaited | undefined;
  return {
    run(run, fn, ...args) {
      const outer = current;
      current = run;
      try {
        return fn(...args);
      } finally {
        current = outer;
      }
    },
    getStore: () => current,
  };
}

/** Calls the function of a run, so that `currentRun` knows the calls of `once` that it makes. */
export function inRun<T, A extends unknown[]>(run: Awaited, fn: (...args: A) => T, ...args: A): T {
  return contexts().run(run, fn, ...args);
}

/** Calls `fn` in no run. Node.js keeps the run in which a timer is set in memory, as long as the timer. */
export function outsideRuns<T>(fn: () => T): T {
  return contexts().run(undefined, fn);
}

/** Returns the run whose function makes this call. Call it before the first `await`. */
export function currentRun(): Awaited | undefined {
  const run = contexts().getStore();
  // Work that a function has started may outlive it.
  return run?.phase === 'running' ? run : undefined;
}

/** The runs that each run waits for. */
const waits = new Map<Awaited, Set<{ readonly run: Awaited }>>();

/**
 * Calls `wait`, unless that would be a deadlock.
 *
 * @throws {OnceError} `SAMEKEY_DEADLOCK` if `caller`, the run whose function makes the call, is
 * `run`, or if `run` waits for `caller`, directly or through other runs.
 */
export function waitFor<T>(
  caller: Awaited | undefined,
  run: Awaited,
  wait: () => Promise<T>,
): Promise<T> {
  return caller === undefined ? wait() : waitInRun(caller, run, wait);
}

async function waitInRun<T>(caller: Awaited, run: Awaited, wait: () => Promise<T>): Promise<T> {
  const path = pathTo(caller, run, new Set());
  if (path !== undefined) throw deadlocked(run.key, [...path, run.key]);
  const edges = waits.get(caller) ?? new Set();
  const edge = { run };
  waits.set(caller, edges.add(edge));
  try {
    return await wait();
  } finally {
    edges.delete(edge);
    if (edges.size === 0) waits.delete(caller);
  }
}

/** Returns the keys from `from` to `target`, each of which waits for the next; or `undefined`. */
function pathTo(target: Awaited, from: Awaited, seen: Set<Awaited>): string[] | undefined {
  if (from === target) return [from.key];
  seen.add(from);
  for (const { run } of waits.get(from) ?? []) {
    const rest = seen.has(run) ? undefined : pathTo(target, run, seen);
    if (rest !== undefined) return [from.key, ...rest];
  }
  return undefined;
}
