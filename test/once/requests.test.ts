import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomKey } from '../../src/index.js';
import { createOnce, type OnceOptions } from '../../src/once/index.js';
import { useRuntime } from '../../src/runtime/runtime.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { sleep } from './scene.js';

/** A request on a platform such as Cloudflare Workers: after its end, its timers never fire. */
interface PlatformRequest {
  hasEnded: boolean;
}

const requests = new AsyncLocalStorage<PlatformRequest>();

/** Starts a request; returns it and the result of `serve`. */
function request<T>(serve: () => Promise<T>): PlatformRequest & { readonly answer: Promise<T> } {
  const own: PlatformRequest = { hasEnded: false };
  return Object.assign(own, { answer: requests.run(own, serve) });
}

let restore = () => {};

beforeEach(() => {
  vi.stubGlobal('WebSocketPair', class {});
  restore = useRuntime({
    monotonicMs: () => performance.now(),
    wallClockMs: () => Date.now(),
    steadyClockMs: () => Date.now(),
    setTimer(callback, delayMs) {
      const own = requests.getStore();
      const ring = () => {
        if (!own?.hasEnded) callback();
      };
      return setTimeout(ring, delayMs) as object;
    },
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    random: () => Math.random(),
    randomUuid: () => crypto.randomUUID(),
  });
});

afterEach(() => {
  restore();
  vi.unstubAllGlobals();
});

const LEASE_MS = 150;

/** A `once`, and a function that stops when the request that called it ends. */
function scene(options: Partial<OnceOptions> = {}) {
  const once = createOnce({
    store: memoryStore(),
    leaseMs: LEASE_MS,
    cache: false,
    ...options,
  });
  let runs = 0;
  const stops = () => {
    runs++;
    return new Promise<never>(() => {});
  };
  const works = async () => {
    runs++;
    return 'result';
  };
  return { once, stops, works, key: randomKey(), runs: () => runs };
}

describe('a run whose request has ended', () => {
  it('gives way to the caller in another request that waits for it', async () => {
    const { once, stops, works, key, runs } = scene();
    const first = request(() => once(key, stops));
    const waiting = request(() => once.detailed(key, works));
    await sleep(20);
    first.hasEnded = true;
    expect(await waiting.answer).toMatchObject({ value: 'result', outcome: 'executed' });
    expect(runs()).toBe(2);
    expect(once.stats().inFlight).toBe(0);
  });

  it('gives way to all of them, who run the function once', async () => {
    const { once, stops, works, key, runs } = scene();
    const first = request(() => once(key, stops));
    await sleep(20);
    first.hasEnded = true;
    const waiting = Array.from({ length: 5 }, () => request(() => once.detailed(key, works)));
    const outcomes = (await Promise.all(waiting.map(({ answer }) => answer))).map(
      ({ outcome }) => outcome,
    );
    // A process that notices late finds the result.
    expect(outcomes.filter((outcome) => outcome === 'executed')).toHaveLength(1);
    expect(runs()).toBe(2);
  });

  it('is of unknown outcome for callers with onUnknown "hold"', async () => {
    const { once, stops, works, key, runs } = scene({ onUnknown: 'hold' });
    const first = request(() => once(key, stops));
    await sleep(20);
    first.hasEnded = true;
    const { answer } = request(() => once(key, works));
    await expect(answer).rejects.toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
    expect(runs()).toBe(1);
  });

  it('no longer turns callers away', async () => {
    const { once, stops, works, key } = scene({ onDuplicate: 'reject' });
    const first = request(() => once(key, stops));
    await sleep(20);
    await expect(request(() => once(key, works)).answer).rejects.toMatchObject({
      code: 'SAMEKEY_IN_PROGRESS',
    });
    first.hasEnded = true;
    await sleep(2 * LEASE_MS);
    expect(await request(() => once(key, works)).answer).toBe('result');
  });

  it('is forgotten at the next call, of any key', async () => {
    const { once, stops, works, key } = scene();
    const first = request(() => once(key, stops));
    await sleep(20);
    expect(once.stats().inFlight).toBe(1);
    first.hasEnded = true;
    await sleep(2 * LEASE_MS);
    await request(() => once(randomKey(), works)).answer;
    expect(once.stats().inFlight).toBe(0);
  });

  it('does not keep close() waiting', async () => {
    const { once, stops, key } = scene();
    const first = request(() => once(key, stops));
    await sleep(20);
    first.hasEnded = true;
    await request(() => once.close()).answer;
  });
});

describe('requests that share a once', () => {
  it('renew the lease of a run that takes long, each its own', async () => {
    const { once } = scene();
    for (let turn = 0; turn < 3; turn++) {
      const key = randomKey();
      let runs = 0;
      const works = async () => {
        runs++;
        await sleep(3 * LEASE_MS);
      };
      const first = request(() => once(key, works));
      const other = request(() => once(key, works));
      await Promise.all([first.answer, other.answer]);
      first.hasEnded = true;
      other.hasEnded = true;
      expect(runs).toBe(1);
    }
    expect(once.stats()).toMatchObject({ executed: 3, leasesLost: 0 });
  });

  it('give up on a store that does not answer, each by itself', async () => {
    const silent = { claim: () => new Promise<never>(() => {}) };
    const store: Store = Object.assign(memoryStore(), silent);
    const { once, works } = scene({ store, storeTimeoutMs: 50 });
    for (let turn = 0; turn < 3; turn++) {
      const own = request(() => once(randomKey(), works));
      await expect(own.answer).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
      own.hasEnded = true;
    }
  });

  it('abort a run of another one in that request, to which its signal belongs', async () => {
    const { once, key } = scene({ onAbandoned: 'abort' });
    let abortedIn: PlatformRequest | undefined;
    const works = ({ signal }: { signal: AbortSignal }) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          abortedIn = requests.getStore();
          reject(signal.reason);
        });
      });
    const [a, b] = [new AbortController(), new AbortController()];
    const first = request(() => once(key, works, { signal: a.signal }));
    const second = request(() => once(key, works, { signal: b.signal }));
    await sleep(20);
    requests.run(first, () => a.abort());
    await expect(first.answer).rejects.toMatchObject({ name: 'AbortError' });
    expect(abortedIn).toBe(undefined);
    requests.run(second, () => b.abort());
    await expect(second.answer).rejects.toMatchObject({ name: 'AbortError' });
    await sleep(0);
    expect(abortedIn === first).toBe(true);
  });

  it('are not told by the store, which would call them from another request', async () => {
    const memory = memoryStore();
    const watch = vi.spyOn(memory, 'watch');
    const [one, other] = [scene({ store: memory }), scene({ store: memory })];
    const first = request(() => one.once(one.key, () => sleep(100).then(() => 'result')));
    const second = request(() => other.once.detailed(one.key, other.works));
    await first.answer;
    expect(await second.answer).toMatchObject({ value: 'result', outcome: 'joined' });
    expect(watch).not.toHaveBeenCalled();
  });
});
