import { deadlocked } from './errors.js';

/** A run that all calls of its key in this process wait for. */
export interface Awaited {
  readonly key: string;
  /** In other phases the function has not begun, or has ended. */
  readonly phase: string;
}

/** A way to know, wherever a function has got to, in which run it was called. */
interface RunContextStorage {
  run<T>(run: Awaited, fn: () => T): T;
  getStore(): Awaited | undefined;
}

interface Process {
  getBuiltinModule?(id: string): unknown;
}

let storage: RunContextStorage | undefined;

function contexts(): RunContextStorage {
  storage ??= asyncContexts() ?? synchronousContexts();
  return storage;
}

/**
 * Costs nothing from Node 24 on. Before, it works by hooks that slow down every promise: on Node 20.20
 * a call on the memory store took 31 to 41 µs of processor time instead of 24 to 29. A deadlock costs
 * more: it keeps its keys locked until the process ends.
 */
function asyncContexts(): RunContextStorage | undefined {
  const { process } = globalThis as { process?: Process };
  // Found at run time: bundlers see no import, and runtimes without it lose nothing.
  const hooks = process?.getBuiltinModule?.('node:async_hooks') as
    | { AsyncLocalStorage?: new () => RunContextStorage }
    | undefined;
  return hooks?.AsyncLocalStorage && new hooks.AsyncLocalStorage();
}

/** Knows it until the function first waits for something. */
function synchronousContexts(): RunContextStorage {
  let current: Awaited | undefined;
  return {
    run(run, fn) {
      const outer = current;
      current = run;
      try {
        return fn();
      } finally {
        current = outer;
      }
    },
    getStore: () => current,
  };
}

/** Calls the function of a run: calls of `once` that it makes are known as that run's. */
export function inRun<T>(run: Awaited, fn: () => T): T {
  return contexts().run(run, fn);
}

/** The run whose function makes this call; must be asked before anything is awaited. */
export function currentRun(): Awaited | undefined {
  const run = contexts().getStore();
  // What a function has started may go on after it.
  return run?.phase === 'running' ? run : undefined;
}

/** What each run waits for. */
const waits = new Map<Awaited, Set<{ readonly run: Awaited }>>();

/**
 * Waits for `run`, unless it waits for the call itself.
 *
 * @throws {OnceError} `SAMEKEY_DEADLOCK` if `caller`, the run whose function makes the call, is
 * `run`, or if `run` waits for it, directly or by others.
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

/** The keys of the runs from `from` to `target`, each of which waits for the next; or `undefined`. */
function pathTo(target: Awaited, from: Awaited, seen: Set<Awaited>): string[] | undefined {
  if (from === target) return [from.key];
  seen.add(from);
  for (const { run } of waits.get(from) ?? []) {
    const rest = seen.has(run) ? undefined : pathTo(target, run, seen);
    if (rest !== undefined) return [from.key, ...rest];
  }
  return undefined;
}
