import { freePort, untilReady } from './process.js';
import { type RedisServer, startRedis } from './redis.js';

export interface RedisCluster {
  readonly masters: readonly RedisServer[];
  /** The replica of each master, if there are any. */
  readonly replicas: readonly RedisServer[];
  /** Starts to move a slot: from now on its new keys belong to the target. */
  beginMove(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
  /** Moves the next key of the slot. Resolves to `false` if all are used. */
  moveKey(slot: number, from: RedisServer, to: RedisServer): Promise<boolean>;
  /** Tells all nodes that the slot has moved. */
  endMove(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

/** The default bus port, 10000 above the port, would exceed 65535 for most free ports. */
const startNode = async (...options: string[]) =>
  startRedis('--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), ...options);

/** Three masters that share the 16384 slots, and three replicas if `hasReplicas`. */
export async function startRedisCluster(
  hasReplicas = false,
  ...options: string[]
): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: hasReplicas ? 6 : 3 }, () => startNode(...options)),
  );
  const [first] = nodes as [RedisServer];
  const masters = nodes.slice(0, 3);
  const replicas = nodes.slice(3);
  for (const [at, node] of nodes.entries()) {
    if (at < masters.length) {
      const start = Math.ceil((16384 * at) / masters.length);
      const end = Math.ceil((16384 * (at + 1)) / masters.length) - 1;
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(start), String(end));
    }
    const busPort = /cluster-port\r\n\$\d+\r\n(\d+)/.exec(
      await node.ask('CONFIG', 'GET', 'cluster-port'),
    )?.[1] as string;
    if (at > 0) await first.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port), busPort);
  }
  const ids = new Map<RedisServer, string>();
  for (const node of nodes) ids.set(node, textOf(await node.ask('CLUSTER', 'MYID')));
  const idOf = (node: RedisServer) => ids.get(node) as string;
  await untilReady(async () => {
    for (const node of nodes) {
      const info = await node.ask('CLUSTER', 'INFO');
      const isComplete = info.includes(`cluster_known_nodes:${nodes.length}\r`);
      if (!isComplete || !info.includes('cluster_state:ok')) throw new Error(info);
    }
  }, 'the cluster');
  for (const [at, replica] of replicas.entries()) {
    const master = masters[at] as RedisServer;
    await untilReady(async () => {
      const reply = await replica.ask('CLUSTER', 'REPLICATE', idOf(master));
      if (!reply.startsWith('+OK')) throw new Error(reply);
    }, 'a replica');
  }
  for (const replica of replicas) {
    await untilReady(async () => {
      const info = await replica.ask('INFO', 'replication');
      if (!info.includes('master_link_status:up')) throw new Error(info);
      // Every node must know of it, so that it is elected.
      for (const node of nodes) {
        const known = await node.ask('CLUSTER', 'NODES');
        if (known.match(/ (?:myself,)?slave /g)?.length !== replicas.length) throw new Error(known);
      }
    }, 'a replica');
  }
  return {
    masters,
    replicas,
    async beginMove(slot, from, to) {
      await to.ask('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', idOf(from));
      await from.ask('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', idOf(to));
    },
    async moveKey(slot, from, to) {
      const key = keysIn(await from.ask('CLUSTER', 'GETKEYSINSLOT', String(slot), '1'))[0];
      if (key === undefined) return false;
      await from.ask('MIGRATE', '127.0.0.1', String(to.port), key, '0', '1000');
      return true;
    },
    async endMove(slot, from, to) {
      for (const node of [to, from, ...masters]) {
        await node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', idOf(to));
      }
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

const linesOf = (reply: string) => reply.split(/\r?\n/);

/** A reply of one text, without the protocol around it. */
export const textOf = (reply: string) =>
  linesOf(reply)
    .find((line) => !line.startsWith('$'))
    ?.replace(/^[:+]/, '') ?? '';

/** The keys in a reply that is a list of them. */
const keysIn = (reply: string) =>
  linesOf(reply.replace(/\+OK\r\n$/, '')).filter((line) => !/^(?:[*$]\d+)?$/.test(line));
