/**
 * The memory of `samekey proxy` under pressure: clients that stop reading long answers, duplicates of one
 * key, many streams. Prints the memory of the proxy's process, on Linux.
 *
 *     node bench/pressure/run.mjs [stalled|events|duplicates|streams …] [-- flags of samekey proxy]
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/samekey.js', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('upstream.mjs', import.meta.url));

/** @type {Record<string, { path: string, clients: number, keys: number, stalls: boolean }>} */
const SCENES = {
  stalled: { path: '/answer', clients: 100, keys: 100, stalls: true },
  events: { path: '/events', clients: 100, keys: 100, stalls: true },
  duplicates: { path: '/late', clients: 5000, keys: 1, stalls: false },
  streams: { path: '/stream', clients: 2000, keys: 2000, stalls: false },
};

/**
 * @param {string} name
 * @param {readonly string[]} flags
 */
async function measure(name, flags) {
  const { path, clients, keys, stalls } = /** @type {(typeof SCENES)[string]} */ (SCENES[name]);
  const upstream = fork(UPSTREAM, []);
  const [{ port: upstreamPort }] = await once(upstream, 'message');
  const args = ['proxy', '-u', `http://127.0.0.1:${upstreamPort}`, '--port', '0', ...flags];
  const proxy = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await portOf(proxy);
    const metrics = () => metricsOf(port);
    const idle = await metrics();
    print(name, 'idle', idle, proxy.pid);
    const open = [];
    for (let n = 0; n < clients; n++) {
      if (n % 200 === 199) await sleep(50);
      open.push(openClient(port, path, n % keys, stalls));
    }
    await Promise.all(open.map(({ answered }) => answered));
    if (stalls) {
      await untilSteady(metrics);
      print(name, `${clients} clients wait`, await metrics(), proxy.pid);
      for (const { resume } of open) resume();
    }
    const lengths = await Promise.all(open.map(({ ended }) => ended));
    const shortest = lengths.reduce((least, each) => Math.min(least, each));
    print(name, 'all answered', await metrics(), proxy.pid);
    upstream.send('count');
    const [{ requestCount }] = await once(upstream, 'message');
    const after = await metrics();
    console.log(
      `${name}: ${requestCount} calls for ${keys} keys, ${clients} answers of at least ${shortest} bytes, refused ${after.get('samekey_proxy_overloaded_total') ?? 0}`,
    );
  } finally {
    proxy.kill();
    upstream.kill();
    await once(proxy, 'exit');
  }
}

/** @param {import('node:child_process').ChildProcess} proxy */
async function portOf(proxy) {
  const lines = createInterface({ input: /** @type {any} */ (proxy.stdout) });
  const [line] = await once(lines, 'line');
  lines.resume();
  return Number(new URL(JSON.parse(line).url).port);
}

/** @param {number} port */
async function metricsOf(port) {
  const text = await (await fetch(`http://127.0.0.1:${port}/-/metrics`)).text();
  const values = new Map();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return values;
}

/** @param {() => Promise<Map<string, number>>} metrics */
async function untilSteady(metrics) {
  for (let last = -1, quiet = 0; quiet < 4; ) {
    await sleep(500);
    const now =
      (await metrics()).get('samekey_proxy_bytes_total{peer="upstream",direction="in"}') ?? 0;
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
}

/**
 * @param {number} port
 * @param {string} path
 * @param {number} n
 * @param {boolean} stalls whether it reads no more than the head, until `resume`
 */
function openClient(port, path, n, stalls) {
  const body = JSON.stringify({ n, model: 'm', messages: [{ role: 'user', content: 'x' }] });
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  let byteCount = 0;
  let status = 0;
  const answered = new Promise((resolve) => {
    socket.on('data', (bytes) => {
      if (byteCount === 0) status = Number(bytes.subarray(9, 12).toString());
      byteCount += bytes.length;
      if (stalls) socket.pause();
      resolve(undefined);
    });
    socket.on('error', resolve).on('close', resolve);
  });
  const ended = new Promise((resolve) => {
    socket.on('close', () => resolve(status === 200 ? byteCount : -status));
  });
  const resume = () => {
    stalls = false;
    socket.resume();
  };
  return { answered, ended, resume };
}

/**
 * @param {string} name
 * @param {string} when
 * @param {Map<string, number>} metrics
 * @param {number | undefined} pid
 */
function print(name, when, metrics, pid) {
  const mb = (/** @type {string} */ metric) =>
    `${Math.round((metrics.get(metric) ?? 0) / 1e6)} MB`.padStart(8);
  const peakKib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  console.log(
    `${name.padEnd(10)} ${when.padEnd(18)} rss ${mb('process_resident_memory_bytes')}  peak ${Math.round((peakKib * 1024) / 1e6)} MB  ` +
      `external ${mb('nodejs_external_memory_bytes')}  heap ${mb('nodejs_heap_size_used_bytes')}  ` +
      `held ${mb('samekey_proxy_held_bytes')}  spilled ${mb('samekey_proxy_spilled_bytes')}`,
  );
}

const at = process.argv.indexOf('--');
const names = process.argv.slice(2, at < 0 ? undefined : at);
const flags = at < 0 ? [] : process.argv.slice(at + 1);
for (const name of names.length > 0 ? names : Object.keys(SCENES)) await measure(name, flags);
