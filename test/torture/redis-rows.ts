import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled } from '../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.js';
import { startRedisCluster, textOf } from '../servers/redis-cluster.js';
import { linkRows, type PlainStore } from './general-rows.js';
import { startLink } from './link.js';
import { startSentinels } from './redis-sentinels.js';
import { forgets, type Row, type Subject } from './torture.js';

const missing = () => (hasRedis ? undefined : 'redis-server is not here');
/** Half of the processes use one client, half the other. */
const clients = (port: number) => [
  { kind: 'redis', url: `redis://127.0.0.1:${port}` },
  { kind: 'ioredis', url: `redis://127.0.0.1:${port}` },
];

export const REDIS: PlainStore = {
  store: 'Redis',
  missing,
  async start() {
    const server = await startRedis();
    return { at: clients(server.port), stop: server.stop };
  },
};

async function restarted(
  options: readonly string[],
  whileDown = (_: RedisServer) => {},
): Promise<Subject> {
  const server = await startRedis(...options);
  return {
    at: clients(server.port),
    async fault(_, next) {
      await server.kill();
      whileDown(server);
      await sleep(next() * 500);
      await server.start();
      return 'restart';
    },
    stop: server.stop,
  };
}

/** The recent writes that a loss of power may take from the disk. */
function sinceSynced() {
  const sizes: { readonly at: number; readonly path: string; readonly size: number }[] = [];
  const timers = new Map<string, NodeJS.Timeout>();
  return {
    watch(folder: string) {
      const look = () => {
        const aof = join(folder, 'appendonlydir');
        for (const name of readdirSync(aof).filter((each) => each.endsWith('.incr.aof'))) {
          const path = join(aof, name);
          sizes.push({ at: Date.now(), path, size: statSync(path).size });
        }
        sizes.splice(0, sizes.length - 100);
      };
      timers.set(folder, setInterval(look, 50).unref());
    },
    /** Removes the writes of the last second, which `appendfsync everysec` may lose. */
    cut() {
      const old = sizes.filter(({ at }) => at < Date.now() - 1000).at(-1);
      if (old !== undefined && statSync(old.path).size > old.size) {
        truncateSync(old.path, old.size);
      }
      sizes.length = 0;
    },
    stop() {
      for (const timer of timers.values()) clearInterval(timer);
    },
  };
}

async function withoutPower(): Promise<Subject> {
  const tail = sinceSynced();
  const subject = await startRedis('--appendfsync', 'everysec').then((server) => {
    tail.watch(server.folder);
    return {
      at: clients(server.port),
      async fault(_: unknown, next: () => number) {
        await server.kill();
        tail.cut();
        await sleep(next() * 500);
        await server.start();
        return 'power lost';
      },
      stop: server.stop,
    };
  });
  return {
    ...subject,
    async stop() {
      tail.stop();
      await subject.stop();
    },
  };
}

/** Clients reach the master through a link, and the replica follows it 100 ms behind. */
async function promotedByHand(): Promise<Subject> {
  let master = await startRedis();
  let replica = await startRedis();
  const clientLink = await startLink(master.port);
  const replication = await startLink(master.port);
  replication.delayMs = 100;
  const follow = async () => {
    await replica.ask('REPLICAOF', '127.0.0.1', String(replication.port));
    while (!/master_link_status:up/.test(await replica.ask('INFO', 'replication'))) await sleep(50);
  };
  await follow();
  return {
    at: clients(clientLink.port),
    async fault() {
      await master.kill();
      await replica.ask('REPLICAOF', 'NO', 'ONE');
      [master, replica] = [replica, master];
      clientLink.target = master.port;
      replication.target = master.port;
      clientLink.cut();
      replication.cut();
      await replica.start();
      await follow();
      return 'promoted';
    },
    async stop() {
      await Promise.all([clientLink, replication, master, replica].map((each) => each.stop()));
    },
  };
}

/** Moves a slot, one key after another, while its keys are used. */
async function slotMoved(): Promise<Subject> {
  const cluster = await startRedisCluster();
  return {
    at: [
      { kind: 'node-redis cluster', url: cluster.masters[0]?.url },
      { kind: 'ioredis cluster', port: cluster.masters[0]?.port },
    ],
    async fault(_, next) {
      const at = Math.floor(next() * cluster.masters.length);
      const from = cluster.masters[at] as RedisServer;
      const to = cluster.masters[(at + 1) % cluster.masters.length] as RedisServer;
      const someKey = textOf(await from.ask('RANDOMKEY'));
      if (!someKey.startsWith('samekey:ik_')) return 'no key to move';
      const slot = Number(textOf(await from.ask('CLUSTER', 'KEYSLOT', someKey)));
      await cluster.beginMove(slot, from, to);
      await sleep(next() * 300);
      while (await cluster.moveKey(slot, from, to));
      await sleep(next() * 100);
      await cluster.endMove(slot, from, to);
      return 'slot moved';
    },
    stop: cluster.stop,
  };
}

const usedMemory = async (server: RedisServer) =>
  Number(/used_memory:(\d+)/.exec(await server.ask('INFO', 'memory'))?.[1]);

async function full(policy: string): Promise<Subject> {
  const server = await startRedis('--maxmemory-policy', policy, '--appendonly', 'no');
  return {
    at: clients(server.port),
    async fault(_, next) {
      const bytes = (await usedMemory(server)) + Math.floor(next() * 200_000);
      await server.ask('CONFIG', 'SET', 'maxmemory', String(bytes));
      await sleep(1000 + next() * 2000);
      await server.ask('CONFIG', 'SET', 'maxmemory', '0');
      return 'full';
    },
    stop: server.stop,
  };
}

const EVICTING = ['allkeys-lru', 'allkeys-lfu', 'allkeys-random'].concat([
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
]);

export const REDIS_ROWS: readonly Row[] = [
  {
    name: 'Redis: restart, no persistence',
    fault: 'the server restarts, without persistence (`appendonly no`)',
    ...forgets('a restart forgets every record'),
    start: () => restarted(['--appendonly', 'no']),
  },
  {
    name: 'Redis: restart, appendfsync always',
    fault: 'the server is killed and restarts (`appendfsync always`)',
    start: () => restarted([]),
  },
  {
    name: 'Redis: restart, appendfsync everysec',
    fault: 'the server is killed and restarts (`appendfsync everysec`)',
    // During an fsync Redis delays its writes for up to two seconds, and answers before.
    ...forgets('the record was written in the two seconds before, while the disk was busy'),
    start: () => restarted(['--appendfsync', 'everysec']),
  },
  {
    name: 'Redis: power lost, appendfsync everysec',
    fault: "the server's machine loses power (`appendfsync everysec`)",
    ...forgets('the record was written in the last second or two before'),
    everyMs: 2500,
    start: withoutPower,
  },
  {
    name: 'Redis: promoted by hand',
    fault: 'the master fails; a replica 100 ms behind is promoted by hand (`REPLICAOF NO ONE`)',
    ...forgets('the replica does not have the record yet'),
    start: promotedByHand,
  },
  {
    name: 'Redis: promoted by Sentinel',
    fault: 'the master fails; Sentinel promotes a replica',
    ...forgets('the replica does not have the record yet'),
    everyMs: 3000,
    missing: () =>
      missing() ?? (isInstalled('redis-sentinel') ? undefined : 'redis-sentinel is not here'),
    start: startSentinels,
  },
  {
    name: 'Redis: slot moved',
    fault: 'a slot of a Cluster moves to another master',
    everyMs: 300,
    start: slotMoved,
  },
  {
    name: 'Redis: maxmemory noeviction',
    fault: 'the memory is full (`maxmemory-policy noeviction`)',
    load: { largeBytes: 50_000 },
    start: () => full('noeviction'),
  },
  ...EVICTING.map((policy) => ({
    name: `Redis: maxmemory ${policy}`,
    fault: `the memory is full (\`maxmemory-policy ${policy}\`)`,
    ...forgets('Redis evicts records of runs and results'),
    isUnsupported: true as const,
    load: { largeBytes: 50_000 },
    start: () => full(policy),
  })),
  {
    name: 'Redis: CLIENT PAUSE',
    fault: 'the server does not answer for a while (`CLIENT PAUSE`)',
    async start(): Promise<Subject> {
      const server = await startRedis();
      return {
        at: clients(server.port),
        async fault(_, next) {
          const forMs = Math.floor(100 + next() * 2500);
          await server.ask('CLIENT', 'PAUSE', String(forMs), 'ALL');
          await sleep(forMs);
          return 'paused';
        },
        stop: server.stop,
      };
    },
  },
]
  .map((row): Row => ({ missing, ...row, store: 'Redis' }))
  .concat(linkRows('Redis', missing, startRedis, clients));
