/** The time that `samekey/fetch` adds to a request, and to each event of a stream. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../machine.mjs';
import { median } from '../rounds.mjs';

const upstream = fileURLToPath(new URL('../http/upstream.mjs', import.meta.url));
const BODY_BYTES = 100_000;

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/fetch: what it adds',
  async measure({ quick }) {
    const { idempotentFetch } = await import('../../dist/fetch/fetch.js');
    const { memoryStore } = await import('../../dist/store/memory.js');
    const child = fork(upstream, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      const [{ port }] = await once(child, 'message');
      const url = `http://127.0.0.1:${port}`;
      /** @type {Record<string, Fetch>} */
      const ways = { fetch, samekey: idempotentFetch({ store: memoryStore() }) };
      if (!quick) for (const way of Object.values(ways)) await warmUp(way, `${url}/call`);
      const calls = await timeInTurn(ways, quick ? 20 : 300, (way) => callMs(way, `${url}/call`));
      const events = await timeInTurn(ways, quick ? 3 : 25, (way) => eventMs(way, `${url}/stream`));
      return {
        bodyBytes: BODY_BYTES,
        callMs: calls,
        eventMs: events,
        addedToCall: round(calls.samekey / calls.fetch - 1, 4),
        addedToEventMs: round(events.samekey - events.fetch, 3),
      };
    } finally {
      child.disconnect();
      await once(child, 'exit');
    }
  },
};

/**
 * Returns the median of each way. The ways take turns, so that other load slows all of them down.
 *
 * @param {Record<string, Fetch>} ways
 * @param {number} rounds
 * @param {(way: Fetch) => Promise<number>} time
 */
async function timeInTurn(ways, rounds, time) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let turn = 0; turn < rounds + 3; turn++) {
    for (const [name, way] of Object.entries(ways)) {
      const ms = await time(way);
      // The first rounds let V8 compile.
      if (turn >= 3) times[name]?.push(ms);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, each]) => [name, round(median(each), 3)]),
  );
}

/**
 * Calls it thousands of times, as in a process that has run for a while: V8 does not compile code that is
 * called once every 20 ms before that.
 *
 * @param {Fetch} way @param {string} url
 */
async function warmUp(way, url) {
  for (let round = 0; round < 100; round++) {
    await Promise.all(Array.from({ length: 20 }, () => callMs(way, url)));
  }
}

let count = 0;
/** A body that was not sent before. */
const body = () =>
  JSON.stringify({
    n: count++,
    model: 'm',
    messages: [{ role: 'user', content: 'x'.repeat(BODY_BYTES) }],
  });

const init = () => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: body(),
});

/** @param {Fetch} way @param {string} url */
async function callMs(way, url) {
  const request = init();
  const start = performance.now();
  const response = await way(url, request);
  if ((await response.text()) !== '{"ok":true}') throw new Error('fetch: another response');
  return performance.now() - start;
}

/**
 * Measures how long an event takes from the server to the reader.
 *
 * @param {Fetch} way @param {string} url
 */
async function eventMs(way, url) {
  const response = await way(url, init());
  /** @type {number[]} */
  const times = [];
  for await (const chunk of /** @type {any} */ (
    response.body.pipeThrough(new TextDecoderStream())
  )) {
    const now = performance.timeOrigin + performance.now();
    for (const [, sentAt] of chunk.matchAll(/"sentAt":([\d.]+)/g)) times.push(now - Number(sentAt));
  }
  if (times.length !== 40) throw new Error(`fetch: ${times.length} events`);
  return median(times);
}

/** @param {number} value @param {number} digits */
const round = (value, digits) => Number(value.toFixed(digits));
