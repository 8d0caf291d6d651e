/**
 * The clients of the soak, in a process: `node load.mjs CLIENTS`. Each client sends one key after another over
 * its own connection, as their scripts say, and checks every answer.
 */

import { leaveEarly, openClient } from './client.mjs';
import { dice, scriptOf } from './script.mjs';

const clientCount = Number(process.argv[2]);
const REPEATED_AFTER_S = 10;

/** Answers by the `samekey` header, and answers that were wrong. */
const counts = { executed: 0, joined: 0, replayed: 0, refused: 0, left: 0, keys: 0, wrong: 0 };
/** @type {string[]} */
const faults = [];
/** @type {number[]} milliseconds of the current window */
const runMs = [];
/** @type {number[]} */
const replayMs = [];
/** While the memory of the servers is measured, their threads stand still. */
let isMuted = false;
let muteCount = 0;

let nextKey = 0;
let lastKey = 0;
/** @type {number[]} */
let ports = [];
/** What is sent again, by the second in which that is due. @type {Map<number, { n: number, id: string }[]>} */
const due = new Map();
let dueCount = 0;

/** @param {string} fault */
function report(fault) {
  counts.wrong++;
  if (faults.length < 20) faults.push(fault);
}

/** @param {import('./client.mjs').Client} client @param {import('./client.mjs').Client} twin */
async function work(client, twin) {
  for (;;) {
    const repeated = takeDue();
    if (repeated) {
      await send(client, repeated.n, replayMs, repeated.id);
    } else if (nextKey < lastKey) {
      const n = nextKey++;
      counts.keys++;
      await play(n, client, twin);
    } else if (dueCount > 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    } else return;
  }
}

/**
 * @param {number} n
 * @param {import('./client.mjs').Client} client
 * @param {import('./client.mjs').Client} twin
 */
async function play(n, client, twin) {
  const { isStreamed, fails, leaves, isDoubled, isRepeated } = scriptOf(n);
  const isPlain = !isStreamed && fails === 0 && !leaves;
  if (leaves) {
    counts.left++;
    await leaveEarly(portOf(n), n, dice(n, 5) % 10);
  }
  const first = send(client, n, isPlain ? runMs : undefined);
  const ids = await (isDoubled ? Promise.all([first, send(twin, n)]) : Promise.all([first]));
  if (ids.length > 1 && ids[0] !== ids[1]) report(`key ${n}: ${ids[0]} and ${ids[1]}`);
  if (!(isRepeated || leaves)) return;
  const second = Math.floor(performance.now() / 1000) + 1 + (dice(n, 6) % REPEATED_AFTER_S);
  due.set(second, [...(due.get(second) ?? []), { n, id: ids[0] ?? '' }]);
  dueCount++;
}

function takeDue() {
  const nowS = performance.now() / 1000;
  for (const [second, list] of due) {
    if (second > nowS) continue;
    const taken = list.pop();
    if (list.length === 0) due.delete(second);
    if (taken === undefined) continue;
    dueCount--;
    return taken;
  }
  return undefined;
}

const portOf = (/** @type {number} */ n) => ports[n % ports.length] ?? 0;

/**
 * Sends a key until it has an answer. Returns the name of the run in the answer.
 *
 * @param {import('./client.mjs').Client} client
 * @param {number} n
 * @param {number[]} [times]
 * @param {string} [wanted]
 */
async function send(client, n, times, wanted) {
  const { fails, isStreamed } = scriptOf(n);
  for (let refusals = 0; ; refusals++) {
    const startedAt = performance.now();
    const epoch = muteCount;
    const answer = await client.exchange(portOf(n), n).catch((error) => ({
      status: 0,
      outcome: '',
      body: String(error),
    }));
    if (answer.status === fails && fails !== 0 && refusals < 2 && !wanted) {
      counts.refused++;
      continue;
    }
    const id = new RegExp(`"id":"(run-${n}-\\d+)"`).exec(answer.body)?.[1] ?? '';
    const isWhole = answer.body.includes(isStreamed ? '[DONE]' : '"total_tokens":13}}');
    if (answer.status !== 200 || id === '' || !isWhole || (wanted && id !== wanted)) {
      report(
        `key ${n}: ${answer.status} ${answer.body.slice(0, 200)}, wanted ${wanted ?? 'a run'}`,
      );
      return id;
    }
    if (answer.outcome in counts) counts[/** @type {'executed'} */ (answer.outcome)]++;
    if (wanted && answer.outcome === 'executed') report(`key ${n} ran again`);
    if (!isMuted && epoch === muteCount) times?.push(performance.now() - startedAt);
    return id;
  }
}

/** @param {number[]} times */
function percentiles(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (/** @type {number} */ part) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0).toFixed(2));
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

/** @param {{ from: number, to: number }} range */
async function run({ from, to }) {
  nextKey = from;
  lastKey = to;
  const clients = Array.from({ length: clientCount }, () => [openClient(), openClient()]);
  await Promise.all(
    clients.map(([client, twin]) => work(/** @type {any} */ (client), /** @type {any} */ (twin))),
  );
  for (const client of clients.flat()) client.close();
}

process.on('disconnect', () => process.exit());
process.on('message', async (/** @type {any} */ message) => {
  const { id } = message;
  if (message.ports) ports = message.ports;
  if (message.mute !== undefined) {
    isMuted = message.mute;
    muteCount++;
  }
  if (message.stop) lastKey = nextKey;
  if (message.run) {
    await run(message.run);
    return process.send?.({ id, nextKey });
  }
  const reply = {
    id,
    counts,
    faults,
    nextKey,
    run: percentiles(runMs),
    replay: percentiles(replayMs),
  };
  if (message.window) {
    // The array is emptied in place: requests in progress hold it.
    runMs.length = 0;
    replayMs.length = 0;
  }
  process.send?.(reply);
});
