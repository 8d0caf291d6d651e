import { hasRedis, startRedis } from '../servers/redis.js';
import type { Row } from './torture.js';

const needsRedis = () => (hasRedis ? undefined : 'redis-server is not here');

export const ROWS: readonly Row[] = [
  {
    name: 'redis: processes killed',
    store: 'Redis',
    fault: 'processes are killed (`kill -9`)',
    missing: needsRedis,
    async start() {
      const server = await startRedis();
      return { at: { kind: 'node-redis', url: server.url }, stop: server.stop };
    },
  },
];
