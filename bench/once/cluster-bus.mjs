/** Measures what a Redis Cluster sends to every other node for one `PUBLISH`, with or without subscribers. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { keyOf } from '../../dist/index.js';
import { startRedisServer } from '../../examples/once/redis-server.mjs';

const MESSAGES = 5000;

/** @returns {Promise<{ bytes: number, cpuMicros: number }>} */
export async function clusterBusCost() {
  // Two nodes are enough: every other node receives the same.
  const nodes = await Promise.all(
    // The default bus port, 10,000 above the port, would not be valid for most free ports.
    [0, 1].map(() =>
      startRedisServer('--cluster-enabled', 'yes', '--cluster-port', String(busPort())),
    ),
  );
  const [one, two] = /** @type {[Redis, Redis]} */ (nodes.map(({ port }) => new Redis(port)));
  try {
    await one.cluster('ADDSLOTSRANGE', 0, 8191);
    await two.cluster('ADDSLOTSRANGE', 8192, 16383);
    const [, twosBusPort] = /** @type {string[]} */ (await two.config('GET', 'cluster-port'));
    await one.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]?.port), String(twosBusPort));
    while (!/cluster_state:ok/.test(String(await one.cluster('INFO')))) await sleep(50);

    const spent = async () => {
      const cpu = await two.info('cpu');
      const seconds = (/** @type {string} */ kind) =>
        Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(cpu)?.[1]);
      const io = readFileSync(`/proc/${nodes[1]?.pid}/io`, 'utf8');
      return {
        bytes: Number(/rchar: (\d+)/.exec(io)?.[1]),
        cpuMicros: (seconds('user') + seconds('sys')) * 1e6,
      };
    };
    const before = await spent();
    const channel = `samekey:${keyOf('a')}`;
    await Promise.all(Array.from({ length: MESSAGES }, () => one.publish(channel, '')));
    await sleep(500);
    const after = await spent();
    return {
      bytes: Math.round((after.bytes - before.bytes) / MESSAGES),
      cpuMicros: Number(((after.cpuMicros - before.cpuMicros) / MESSAGES).toFixed(1)),
    };
  } finally {
    one.disconnect();
    two.disconnect();
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

const busPort = () => 20_000 + Math.floor(Math.random() * 10_000);
