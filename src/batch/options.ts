import { fail, nameOf } from '../errors/errors.js';
import type { Store } from '../store/store.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** As long as providers keep the results of a batch, 29 and 30 days. */
export const DEFAULT_TTL_MS = 30 * DAY_MS;
/** From a plan to the creation of its batches, all of them. */
export const DEFAULT_LEASE_MS = 60 * 60 * 1000;
/** Items that are claimed or recorded at the same time. */
export const WINDOW_ITEMS = 512;

export function refuse(action: string, what: string, Class = TypeError as ErrorClass): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot ${action}: ${what}`);
}

type ErrorClass = new (message: string) => Error;

export function requireStore(store: Store | undefined, action: string): Store {
  for (const name of ['claim', 'complete', 'release', 'read'] as const) {
    if (typeof store?.[name] !== 'function') {
      refuse(action, `store has no ${name}(), wanted a store such as memoryStore()`);
    }
  }
  return store as Store;
}

export function wholeFrom1(name: string, value: unknown, fallback: number, action: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') {
    refuse(action, `${name} is ${nameOf(value)}, wanted a whole number from 1`);
  }
  if (!Number.isSafeInteger(value) || value < 1) {
    refuse(action, `${name} is ${value}, wanted a whole number from 1`, RangeError);
  }
  return value;
}

/** Items in windows, so that a long list is no more work in memory than a short one. */
export async function* windowsOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T[], void, undefined> {
  let window: T[] = [];
  for await (const item of items) {
    window.push(item);
    if (window.length < WINDOW_ITEMS) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}
