import { expect } from 'vitest';
import { randomKey } from '../../src/index.js';
import {
  createOnce,
  OnceError,
  type OnceEvent,
  type OnceOptions,
  type StoredResult,
} from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store, StoreRecord } from '../../src/store/store.js';
import { request } from '../store/requests.js';

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
export const never = () => new Promise<never>(() => {});

/** One of several processes on a store: its own `once`, and the events of it. */
export function processOn(store: Store, options: Partial<OnceOptions> = {}) {
  const events: OnceEvent[] = [];
  const once = createOnce({ store, onEvent: (event) => events.push(event), ...options });
  return { once, events, types: () => events.map(({ type }) => type) };
}

/** The same store with some of its functions replaced. */
export const but = (store: Store, replaced: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name: keyof Store) {
      const found = replaced[name] ?? target[name];
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });

/** The store behind a link that can be cut. Then every call waits until the link is restored. */
export function linkTo(store: Store) {
  let mended: Promise<void> = Promise.resolve();
  let mend = () => {};
  const over = new Proxy(store, {
    get(target, name: keyof Store) {
      const found = target[name];
      if (typeof found !== 'function') return found;
      return async (...all: never[]) => {
        await mended;
        return Reflect.apply(found, target, all);
      };
    },
  });
  return {
    store: over,
    cut() {
      mended = new Promise((resolve) => {
        mend = resolve;
      });
    },
    mend: () => mend(),
  };
}

/** Claims a key as a process that then crashes, and returns its name. */
export async function crash(
  store: Store,
  key: string,
  leaseMs: number,
  fingerprint?: string,
): Promise<string> {
  const owner = `crashed ${randomKey()}`;
  const own = { leaseMs, fingerprint, takeUnknown: true, takeFinished: true };
  const { claimed } = await store.claim(key, request(owner, own));
  if (!claimed) throw new Error('The key is not free');
  return owner;
}

/** Puts a finished record into a store. */
export async function put(store: Store, key: string, result: StoredResult): Promise<void> {
  const owner = randomKey();
  await store.claim(key, request(owner, { takeUnknown: true, takeFinished: true }));
  await store.complete(key, owner, { ...result, ttlMs: 60_000 });
}

/** Returns the result that a store has. */
export async function storedResult(store: Store, key: string): Promise<StoredResult> {
  const { state, codec, payload } = (await store.read(key)).record as StoreRecord;
  return {
    state: state as StoredResult['state'],
    codec: codec ?? '',
    payload: new Uint8Array(payload ?? []),
  };
}

/** Returns the error that a call of `once` ends with. */
export const rejection = async (promise: Promise<unknown>): Promise<OnceError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OnceError);
  return error as OnceError;
};

/** Blocks the thread, like a pause of the whole process. */
export function pause(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** A `once` on its own store, its events, and a function that counts its calls. */
export function setUp(options: Partial<OnceOptions> = {}) {
  const events: OnceEvent[] = [];
  const once = createOnce({
    store: memoryStore(),
    onEvent: (event) => events.push(event),
    ...options,
  });
  let calls = 0;
  const call = async () => {
    await sleep(5);
    return { answer: ++calls };
  };
  return { once, call, events, types: () => events.map(({ type }) => type), calls: () => calls };
}
