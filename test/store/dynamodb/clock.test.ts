import { afterEach, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { useRuntime } from '../../../src/runtime/runtime.js';
import { request, Scene } from './scene.js';

const HOUR_MS = 60 * 60 * 1000;
/** A clock that is less wrong follows the server's. The test may take as long. */
const NEAR_MS = HOUR_MS / 2;

describe('the clock of the DynamoDB store', () => {
  const scene = new Scene();
  let restore = () => {};
  afterEach(() => restore());

  /** Sets the wall clock of this machine. */
  function setClock(aheadMs: number) {
    restore();
    restore = useRuntime({
      monotonicMs: () => performance.now(),
      wallClockMs: () => Date.now() + aheadMs,
      steadyClockMs: () => Date.now(),
      setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
      random: () => Math.random(),
      randomUuid: () => crypto.randomUUID(),
    });
  }
  const expectRightTime = (ms: number | undefined) =>
    expect(Math.abs((ms ?? 0) - Date.now())).toBeLessThan(NEAR_MS);

  it.each([-HOUR_MS, HOUR_MS])(
    'is right in the first claim of a machine that is off by %d ms',
    async (aheadMs) => {
      setClock(aheadMs);
      const { claimed, record } = await scene.open().claim(randomKey(), request('a'));
      expect(claimed).toBe(true);
      expectRightTime(record.claimedAtMs);
      expectRightTime(record.leaseEndsAtMs - 60_000);
    },
  );

  it('keeps a machine that is ahead from taking a valid lease, and one behind from giving its own away', async () => {
    const key = randomKey();
    const [owner, other] = [scene.open(), scene.open()];
    setClock(-HOUR_MS);
    const { record } = await owner.claim(key, request('a'));
    setClock(HOUR_MS);
    const refused = await other.claim(key, request('b'));
    expect(refused).toMatchObject({ claimed: false, record });
    setClock(0);
    expect((await other.claim(key, request('b'))).claimed).toBe(false);
  });

  it('is read again after the wall clock was set, before a step decides', async () => {
    const store = scene.open();
    await store.claim(randomKey(), request('a'));
    setClock(-HOUR_MS);
    scene.front.seen.length = 0;
    expectRightTime((await store.claim(randomKey(), request('a'))).record.claimedAtMs);
    expectRightTime((await store.claim(randomKey(), request('a'))).record.claimedAtMs);
    expect(scene.front.seen).toEqual(['GetItem', 'PutItem', 'PutItem']);
  });

  it('follows the server, not the machine', async () => {
    scene.front.aheadMs = HOUR_MS;
    const { nowMs } = await scene.open().read('any');
    expectRightTime(nowMs - HOUR_MS);
  });

  it('is the one of the program if it passes one', async () => {
    let nowMs = 1_700_000_000_000;
    const store = scene.open({ clock: () => nowMs });
    const key = randomKey();
    const { record } = await store.claim(key, request('a', { ttlMs: 120_000 }));
    expect(record.claimedAtMs).toBe(nowMs);
    nowMs += 60_000;
    expect((await store.claim(key, request('b'))).record.attempt).toBe(2);
  });
});
