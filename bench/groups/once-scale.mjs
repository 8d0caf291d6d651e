/** The cost of a call in each store: round trips, bytes, CPU time of the server. `docs/scale.md` uses it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf } from '../../dist/index.js';
import { createOnce } from '../../dist/once/index.js';
import { clusterBusCost } from '../once/cluster-bus.mjs';
import { textOf } from '../once/contenders.mjs';
import { FOOTPRINTS } from '../once/footprint.mjs';

const RESULT_BYTES = 1024;
const CALLERS = 64;
/** Longer than all others take to arrive, so that all of them wait. */
const JOINED_MS = 500;
const JOINED = 50;

// With the quotes its result has that many bytes in the store.
const RESULT = textOf(RESULT_BYTES - 2);

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/once: what a call costs the store',
  async measure({ quick }) {
    const callCount = quick ? 1000 : 10_000;
    const stores = [];
    for (const open of FOOTPRINTS) {
      const footprint = await open();
      try {
        stores.push(await costs(footprint, callCount));
      } finally {
        await footprint.stop();
      }
    }
    return { resultBytes: RESULT_BYTES, callCount, stores, clusterBus: await clusterBusCost() };
  },
};

/**
 * @param {import('../once/footprint.mjs').Footprint} footprint
 * @param {number} callCount
 */
async function costs(footprint, callCount) {
  // Two processes, as far as the store can tell. Their own caches are off.
  const first = createOnce({ store: await footprint.openStore(), cache: false });
  const second = createOnce({ store: await footprint.openStore(), cache: false });
  const wholeRun = (/** @type {string} */ key) => first(key, async () => RESULT);
  // The first call in each process connects and checks the client.
  await wholeRun(keyOf('first'));
  await second(keyOf('second'), async () => RESULT);

  const keys = Array.from({ length: callCount }, (_, n) => keyOf(n));
  const emptyBytes = await footprint.storedBytes();
  const executed = await spentBy(footprint, keys, wholeRun);
  const recordBytes = ((await footprint.storedBytes()) - emptyBytes) / callCount;
  const replayed = await spentBy(footprint, keys, (key) =>
    second(key, () => Promise.reject(new Error(`${footprint.name}: ${key} was run again`))),
  );
  const joined = await spentByJoining(footprint, first, second, executed.roundTrips);
  await first.close();
  await second.close();
  return {
    store: footprint.name,
    recordBytes: Math.round(recordBytes),
    executed,
    replayed,
    joined,
  };
}

/**
 * @param {import('../once/footprint.mjs').Footprint} footprint
 * @param {readonly string[]} keys
 * @param {(key: string) => Promise<unknown>} call
 */
async function spentBy(footprint, keys, call) {
  const before = await footprint.spent();
  const left = keys.values();
  const caller = async () => {
    for (const key of left) {
      if ((await call(key)) !== RESULT) throw new Error(`${footprint.name}: another result`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const after = await footprint.spent();
  return perCall(before, after, keys.length);
}

/**
 * @param {any} before
 * @param {any} after
 * @param {number} count
 */
const perCall = (before, after, count) =>
  Object.fromEntries(
    Object.keys(after).map((what) => [
      what,
      Number(((after[what] - before[what]) / count).toFixed(what === 'roundTrips' ? 2 : 0)),
    ]),
  );

/**
 * Counts the round trips of a caller that waits for another process.
 *
 * @param {import('../once/footprint.mjs').Footprint} footprint
 * @param {import('../../dist/once/index.js').Once} first
 * @param {import('../../dist/once/index.js').Once} second
 * @param {number} ownersTrips
 */
async function spentByJoining(footprint, first, second, ownersTrips) {
  // Its connection for notifications is opened once, not for every call.
  const join = async (/** @type {string} */ name, /** @type {number} */ count) => {
    const keys = Array.from({ length: count }, (_, n) => keyOf(`${name} ${n}`));
    const owners = keys.map((key) => first(key, () => sleep(JOINED_MS, RESULT)));
    await sleep(JOINED_MS / 5);
    const outcomes = keys.map(async (key) => (await second.detailed(key, () => RESULT)).outcome);
    await Promise.all(owners);
    const others = (await Promise.all(outcomes)).filter((outcome) => outcome !== 'joined');
    if (others.length > 0) throw new Error(`${footprint.name}: ${others[0]}, not joined`);
  };
  await join('warm-up', 1);
  const before = await footprint.spent();
  await join('joined', JOINED);
  // The last ones may still be in transit: no code waits for the end of a subscription.
  await sleep(100);
  const { roundTrips } = perCall(before, await footprint.spent(), JOINED);
  return { roundTrips: Number(((roundTrips ?? 0) - ownersTrips).toFixed(2)) };
}
