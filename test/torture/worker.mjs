/**
 * One of several processes that call with the same keys, on the built package. It writes each start
 * and end to its own file, which survives the process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { httpCaller } from './http-caller.mjs';
import { clockMs, writerTo } from './log.mjs';
import { onceCaller } from './once-caller.mjs';
import { keyAt, random } from './seeded.mjs';

const { name, log, store: at, seed, row, load } = JSON.parse(process.argv[2]);
const next = random(seed);
const write = writerTo(log, name);
const makeCaller = at.kind === 'http' ? httpCaller : onceCaller;
const caller = await makeCaller({ at, name, write, clockMs, seed: seed + 1, load });

let callCount = 0;

async function call(target, { fresh = false, audit = false } = {}) {
  const id = `${name}.${callCount++}`;
  const more = { ...(fresh && { fresh }), ...(audit && { audit }) };
  write({ type: 'call', call: id, key: target.key, ...more });
  try {
    write({ type: 'answer', call: id, ...(await caller.call(id, target, { fresh, audit })) });
  } catch (error) {
    write({ type: 'answer', call: id, code: error.code ?? `thrown: ${error.message}` });
  }
}

async function evict(target) {
  const id = `${name}.${callCount++}`;
  write({ type: 'evict', call: id, key: target.key });
  // If the store fails or this process ends, it is unknown whether the operation took effect.
  const isAnswered = await caller.evict(target).then(
    () => true,
    () => false,
  );
  if (isAnswered) write({ type: 'evicted', call: id, key: target.key });
}

let isStopping = false;

/** Calls until the supervisor ends it. */
async function callAgainAndAgain() {
  while (!isStopping) {
    const window = Math.floor((clockMs() - load.startedAt) / load.windowMs);
    // All processes use most keys at the same time, and some keys much later, when the results should be stored.
    const isOld = next() < 0.15;
    const used = isOld ? Math.floor(next() * (window + 1)) : window;
    const number = used * load.keysPerWindow + Math.floor(next() * load.keysPerWindow);
    const target = keyAt(row, number);
    const what = next();
    if (what < load.evicts) await evict(target);
    else await call(target, { fresh: what < load.evicts + load.freshCalls });
    await sleep(next() * load.pauseMs);
  }
}

async function audit(numbers) {
  const targets = numbers.map((number) => keyAt(row, number));
  const auditNext = async () => {
    for (let target = targets.pop(); target !== undefined; target = targets.pop()) {
      await call(target, { audit: true });
    }
  };
  await Promise.all(Array.from({ length: 16 }, auditNext));
}

process.on('message', async (message) => {
  if (message.type === 'stop') isStopping = true;
  if (message.type === 'audit') {
    await audit(message.numbers);
    process.send({ type: 'audited' });
  }
});
process.on('disconnect', () => process.exit());
process.send({ type: 'ready' });
if (load.callers > 0) {
  await Promise.all(Array.from({ length: load.callers }, callAgainAndAgain));
  process.send({ type: 'idle' });
}
