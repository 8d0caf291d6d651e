/**
 * One process of several that call `once` with the same keys, on what the package ships. Each thing
 * that begins or ends is a line in a file of its own, which is there whatever happens to the process.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOnce } from '../../dist/once/index.js';
import { recordingStore } from './recording-store.mjs';
import { keyAt, random } from './seeded.mjs';
import { OPEN } from './stores.mjs';

const { name, log, store: at, seed, row, load } = JSON.parse(process.argv[2]);
const next = random(seed);
const clockMs = () => Number(process.hrtime.bigint()) / 1e6;
const file = openSync(log, 'a');
const write = (event) =>
  writeSync(file, `${JSON.stringify({ at: clockMs(), process: name, ...event })}\n`);

/** What an operator would look at; the others are in the answers. */
const TOLD = ['leaseLost', 'unknown', 'storeError'];
const onEvent = ({ type, action }) => {
  if (TOLD.includes(type)) write({ type: 'told', what: action ? `${type} (${action})` : type });
};

const store = recordingStore(await OPEN[at.kind](at), write, clockMs);
const { leaseMs, storeTimeoutMs, ttlMs } = load;
const options = { store, leaseMs, storeTimeoutMs, ttlMs, onEvent, cache: false };
const retrying = createOnce(options);
const holding = createOnce({ ...options, onUnknown: 'hold' });

let callCount = 0;

async function call(key, isHeld, more = {}) {
  const id = `${name}.${callCount++}`;
  const { fresh = false, audit = false } = more;
  let runCount = 0;
  const fn = async ({ attempt, fencingToken }) => {
    const run = `${id}.${runCount++}`;
    write({ type: 'run', run, call: id, key, attempt, token: fencingToken });
    const [takesMs, throws, bytes] = nature();
    if (!audit) await sleep(takesMs);
    write({ type: 'ran', run, threw: throws && !audit });
    if (throws && !audit) throw new Error('the function failed');
    return { run, key, text: 'x'.repeat(bytes) };
  };
  write({ type: 'call', call: id, key, ...(fresh && { fresh }), ...(audit && { audit }) });
  try {
    const { value, outcome, layer } = await (isHeld ? holding : retrying).detailed(key, fn, {
      fresh,
    });
    write({ type: 'answer', call: id, outcome, layer, run: value.run, ofKey: value.key });
  } catch (error) {
    write({ type: 'answer', call: id, code: error.code ?? `thrown: ${error.message}` });
  }
}

/** How long the function takes, whether it fails, and how large its result is. */
function nature() {
  const kind = next();
  const takesMs =
    kind < 0.7 ? next() * 20 : kind < 0.95 ? 20 + next() * 200 : leaseMs * (0.5 + next() * 2);
  return [takesMs, next() < 0.04, next() < 0.1 ? load.largeBytes : 20];
}

async function evict(key) {
  const id = `${name}.${callCount++}`;
  write({ type: 'evict', call: id, key });
  // A store that fails leaves it open whether it was done, and so does this process's end.
  const isDone = await retrying.evict(key).then(
    () => true,
    () => false,
  );
  if (isDone) write({ type: 'evicted', call: id, key });
}

let isStopping = false;

/** One caller after another, until the supervisor says that it is enough. */
async function callAgainAndAgain() {
  while (!isStopping) {
    const window = Math.floor((clockMs() - load.startedAt) / load.windowMs);
    // Most keys are used by everybody at the same time; some much later, when they should be kept.
    const isOld = next() < 0.15;
    const used = isOld ? Math.floor(next() * (window + 1)) : window;
    const number = used * load.keysPerWindow + Math.floor(next() * load.keysPerWindow);
    const { key, isHeld } = keyAt(row, number);
    const what = next();
    if (what < load.evicts) await evict(key);
    else await call(key, isHeld, { fresh: what < load.evicts + load.freshCalls });
    await sleep(next() * load.pauseMs);
  }
}

process.on('message', async (message) => {
  if (message.type === 'stop') isStopping = true;
  if (message.type === 'audit') {
    const keys = message.numbers.map((number) => keyAt(row, number));
    const auditNext = async () => {
      for (let each = keys.pop(); each !== undefined; each = keys.pop()) {
        await call(each.key, each.isHeld, { audit: true });
      }
    };
    await Promise.all(Array.from({ length: 16 }, auditNext));
    process.send({ type: 'audited' });
  }
});
process.on('disconnect', () => process.exit());
process.send({ type: 'ready' });
if (load.callers > 0) {
  await Promise.all(Array.from({ length: load.callers }, callAgainAndAgain));
  process.send({ type: 'idle' });
}
