import { setTimeout as sleep } from 'node:timers/promises';
import { createOnce } from '../../dist/once/index.js';
import { OPEN } from '../store/open-store.mjs';
import { recordingStore } from './recording-store.mjs';
import { random } from './seeded.mjs';

/** The events for operators. The answers contain the rest. */
const TOLD = ['leaseLost', 'unknown', 'storeError'];

/** Calls `once` on a store of this process. */
export async function onceCaller({ at, name, write, clockMs, seed, load }) {
  const next = random(seed);
  const onEvent = ({ type, action }) => {
    if (TOLD.includes(type)) write({ type: 'told', what: action ? `${type} (${action})` : type });
  };
  const store = recordingStore(await OPEN[at.kind](at), write, clockMs);
  const { leaseMs, storeTimeoutMs, ttlMs } = load;
  const options = { store, leaseMs, storeTimeoutMs, ttlMs, onEvent, cache: false };
  const retrying = createOnce(options);
  const holding = createOnce({ ...options, onUnknown: 'hold' });
  let runCount = 0;
  return {
    async call(call, { key, isHeld }, { fresh, audit }) {
      const fn = async ({ attempt, fencingToken }) => {
        const run = `${name}/${runCount++}`;
        write({ type: 'run', run, call, key, attempt, token: fencingToken });
        const { takesMs, throws, bytes } = audit ? QUICK : nature(next, load);
        await sleep(takesMs);
        write({ type: 'ran', run, threw: throws });
        if (throws) throw new Error('the function failed');
        return { run, key, text: 'x'.repeat(bytes) };
      };
      const once = isHeld ? holding : retrying;
      const { value, outcome, layer } = await once.detailed(key, fn, { fresh });
      return { outcome, layer, run: value.run, ofKey: value.key };
    },
    evict: ({ key }) => retrying.evict(key),
  };
}

const QUICK = { takesMs: 0, throws: false, bytes: 20 };

/** How long a function takes, whether it fails, and how large its result is. */
export function nature(next, { leaseMs, largeBytes }) {
  const kind = next();
  const takesMs =
    kind < 0.7 ? next() * 20 : kind < 0.95 ? 20 + next() * 200 : leaseMs * (0.5 + next() * 2);
  return { takesMs, throws: next() < 0.04, bytes: next() < 0.1 ? largeBytes : 20 };
}
