import { setTimeout as sleep } from 'node:timers/promises';
import { hasRedis } from '../servers/redis.js';
import { startUpstash } from '../servers/upstash.js';
import type { PlainStore } from './general-rows.js';
import type { Row, Subject } from './torture.js';

const missing = () => (hasRedis ? undefined : 'redis-server is not here');

export const UPSTASH: PlainStore = {
  store: 'Redis over HTTP',
  missing,
  async start() {
    const server = await startUpstash();
    return { at: [{ kind: 'upstash', url: server.url }], stop: server.stop };
  },
};

async function restarted(): Promise<Subject> {
  const server = await startUpstash();
  return {
    at: [{ kind: 'upstash', url: server.url }],
    async fault(_, next) {
      await server.kill();
      await sleep(next() * 500);
      await server.start();
      return 'restart';
    },
    stop: server.stop,
  };
}

export const UPSTASH_ROWS: readonly Row[] = [
  {
    store: UPSTASH.store,
    name: 'Redis over HTTP: restart',
    fault: 'the server is killed and restarts (`appendfsync always`)',
    missing,
    start: restarted,
  },
];
