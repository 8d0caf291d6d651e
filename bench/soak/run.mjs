/**
 * The soak: millions of keys through an API with `samekey/server`, `samekey proxy`, a Redis and a provider,
 * each a process of this machine. Ends with 1 if a key ran twice, if an answer was wrong, or if a timer, a socket,
 * a listener or a file is left when the load is over. Linux only.
 *
 *     node bench/soak/run.mjs [--keys 10000000] [--minutes 60] [--clients 64] [--out FILE]
 *
 * It ends after that many keys or minutes, whichever comes first. `--out` writes the result, from which
 * `bench/charts.mjs` and `bench/pages.mjs` make the pictures and the table.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { machine, versions } from '../machine.mjs';
import { openConnections, openFiles, residentBytes, startProcess } from './process.mjs';
import { grown, jsonOf, lineOf, slopeOf } from './report.mjs';
import { SHARES } from './script.mjs';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '10000000' },
    minutes: { type: 'string', default: '60' },
    clients: { type: 'string', default: '64' },
    'ttl-seconds': { type: 'string', default: '60' },
    'warm-up-keys': { type: 'string', default: '20000' },
    'sample-seconds': { type: 'string', default: '10' },
    out: { type: 'string' },
  },
});
const keyCount = Number(values.keys);
const minutes = Number(values.minutes);
const clientCount = Number(values.clients);
const ttlMs = 1000 * Number(values['ttl-seconds']);
const warmUpKeys = Number(values['warm-up-keys']);
const sampleMs = 1000 * Number(values['sample-seconds']);

/** The memory of all records that have not expired, with room to spare. A full Redis refuses claims. */
const MAX_MEMORY = '4gb';
/** Garbage is collected for every third sample. */
const COLLECTED_EVERY = 3;
/** Connections are kept for 75 s. */
const QUIET_MS = 150_000;

const redis = await startRedisServer('--maxmemory', MAX_MEMORY, '--maxmemory-policy', 'noeviction');
const observer = new Redis(redis.port);
const provider = startProcess('provider', 'provider.mjs', [keyCount + warmUpKeys]);
const { port: providerPort } = await provider.ask({});
const proxy = startProcess(
  'proxy',
  '../../dist/cli/samekey.js',
  [
    ...['proxy', '--upstream', `http://127.0.0.1:${providerPort}`, '--port', 0],
    ...['--store', `redis://127.0.0.1:${redis.port}`, '--log-level', 'info'],
  ],
  { isProbed: true, env: { SAMEKEY_TTL_MS: String(ttlMs) } },
);
// The log of each request is written, and read by this process.
const proxyPort = Number(new URL((await firstLine(proxy.stdout)).url).port);
const server = startProcess(
  'API',
  'server.mjs',
  [keyCount + warmUpKeys, ttlMs, redis.port, proxyPort],
  { isProbed: true },
);
const { ports } = await firstLine(server.stdout);
const load = startProcess('clients', 'load.mjs', [clientCount]);
await load.ask({ ports });

/** @type {any[]} */
const samples = [];
try {
  const before = await warmUp();
  const took = await measure();
  const after = await untilQuiet(before);
  const result = await verdict(before, after, took);
  print(result);
  if (values.out) writeFileSync(values.out, `${jsonOf(result)}\n`);
  if (!result.isClean) process.exitCode = 1;
} finally {
  observer.disconnect();
  await Promise.all([load.stop(), server.stop(), provider.stop()]);
  const how = await proxy.stop();
  if (how !== 0) {
    console.error(`soak: the proxy ended with ${how}, wanted 0`);
    process.exitCode = 1;
  }
  await redis.stop();
}

/** @param {import('node:stream').Readable} stdout @returns {Promise<any>} */
async function firstLine(stdout) {
  const lines = createInterface({ input: stdout });
  const [line] = await once(lines, 'line');
  lines.close();
  stdout.resume();
  return JSON.parse(line);
}

/** Fills the caches and opens the connections that stay, then lets the others close. */
async function warmUp() {
  await load.ask({ run: { from: keyCount, to: keyCount + warmUpKeys } });
  const left = await untilQuiet();
  await load.ask({ window: true });
  console.log(`warm: ${warmUpKeys} keys`);
  return left;
}

async function measure() {
  const startedAt = performance.now();
  let isRunning = true;
  const running = load.ask({ run: { from: 0, to: keyCount } }).then((reply) => {
    isRunning = false;
    return reply;
  });
  let lastKeys = 0;
  let lastAt = startedAt;
  for (let count = 1; isRunning; count++) {
    await Promise.race([running, sleep(sampleMs)]);
    const sample = await sampleOf(startedAt, lastKeys, lastAt, count % COLLECTED_EVERY === 0);
    lastKeys = sample.keys;
    lastAt = startedAt + 1000 * sample.atS;
    samples.push(sample);
    console.log(lineOf(sample));
    if (lastAt - startedAt > minutes * 60_000) await load.ask({ stop: true });
  }
  const { nextKey } = await running;
  return { keys: nextKey, seconds: Math.round((lastAt - startedAt) / 1000) };
}

/**
 * @param {number} startedAt
 * @param {number} lastKeys
 * @param {number} lastAt
 * @param {boolean} collects
 */
async function sampleOf(startedAt, lastKeys, lastAt, collects) {
  const { nextKey, run, replay, counts } = await load.ask({ window: true });
  const now = performance.now();
  const info = await infoOf();
  const sample = {
    atS: Number(((now - startedAt) / 1000).toFixed(1)),
    keys: nextKey,
    perSecond: Math.round((1000 * (nextKey - lastKeys)) / (now - lastAt)),
    runMs: [run.p50, run.p99],
    replayMs: [replay.p50, replay.p99],
    wrong: counts.wrong,
    serverBytes: residentBytes(server.pid),
    proxyBytes: residentBytes(proxy.pid),
    redisBytes: residentBytes(/** @type {number} */ (redis.pid)),
    redisKeys: info.keys,
    serverFiles: openFiles(server.pid),
    proxyFiles: openFiles(proxy.pid),
  };
  if (!collects) return sample;
  // The threads of both stand still for it. Those requests are not counted as slow.
  await load.ask({ mute: true });
  const [serverHeap, proxyHeap] = await Promise.all(
    [server, proxy].map((each) => each.ask({ probe: 'memory' })),
  );
  await load.ask({ mute: false });
  return { ...sample, serverHeap: serverHeap.heapBytes, proxyHeap: proxyHeap.heapBytes };
}

async function infoOf() {
  const text = await observer.info();
  const number = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return {
    keys: await observer.dbsize(),
    usedBytes: number('used_memory'),
    expired: number('expired_keys'),
    evicted: number('evicted_keys'),
  };
}

/**
 * Waits until the kept connections are closed, then takes what is left: all that lives in the processes.
 *
 * @param {any} [wanted] returns as soon as there is no more left than that
 */
async function untilQuiet(wanted) {
  const until = performance.now() + QUIET_MS;
  const listening = [...ports, proxyPort, providerPort];
  while (openConnections(listening) > 0 && performance.now() < until) await sleep(1000);
  for (;;) {
    const left = await leftOver();
    if (!wanted) return left;
    if (grown(wanted, left).length === 0 || performance.now() > until) return left;
    await sleep(2000);
  }
}

async function leftOver() {
  const of = async (/** @type {import('./process.mjs').Process} */ each) => ({
    ...(await each.ask({ probe: 'census' })).counts,
    files: openFiles(each.pid),
    heapBytes: (await each.ask({ probe: 'memory' })).heapBytes,
    residentBytes: residentBytes(each.pid),
  });
  return { server: await of(server), proxy: await of(proxy) };
}

/**
 * @param {any} before
 * @param {any} after
 * @param {{ keys: number, seconds: number }} took
 */
async function verdict(before, after, took) {
  const atProvider = await provider.ask({ verdict: true });
  const inHandlers = await server.ask({ verdict: true });
  const { counts, faults } = await load.ask({});
  const { evicted } = await infoOf();
  const left = grown(before, after);
  const half = samples.filter(({ keys }) => keys >= took.keys / 2);
  const slopes = Object.fromEntries(
    ['serverBytes', 'proxyBytes', 'redisBytes', 'serverHeap', 'proxyHeap'].map((what) => [
      what,
      slopeOf(
        half.filter((each) => each[what] !== undefined).map((each) => [each.keys, each[what]]),
      ),
    ]),
  );
  return {
    group: 'soak',
    title: 'samekey/server, samekey proxy and Redis: the soak',
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    versions: versions(),
    settings: { clientCount, ttlMs, shares: SHARES, warmUpKeys },
    ...took,
    answers: counts,
    faults,
    ranTwice: { provider: atProvider.ranTwice, handlers: inHandlers.ranTwice },
    calls: atProvider.callCount,
    runs: atProvider.runCount,
    calledTooOften: atProvider.calledTooOften,
    evicted,
    left,
    isClean:
      left.length === 0 &&
      counts.wrong === 0 &&
      evicted === 0 &&
      atProvider.ranTwice.keyCount === 0 &&
      atProvider.calledTooOften === 0 &&
      inHandlers.ranTwice.keyCount === 0,
    mbPerMillionKeys: slopes,
    before,
    after,
    samples,
  };
}

/** @param {any} result */
function print({ samples: _, ...result }) {
  console.log(JSON.stringify(result, undefined, 1));
}
