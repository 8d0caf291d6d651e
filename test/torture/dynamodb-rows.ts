import { setTimeout as sleep } from 'node:timers/promises';
import { startDynalite } from '../servers/dynalite.js';
import type { PlainStore } from './general-rows.js';
import type { Row, Subject } from './torture.js';

const start = () => startDynalite('samekey_records');
const missing = () => undefined;

export const DYNAMODB: PlainStore = {
  store: 'DynamoDB (dynalite)',
  missing,
  async start() {
    const server = await start();
    return { at: [{ kind: 'dynamodb', url: server.url }], stop: server.stop };
  },
};

async function restarted(): Promise<Subject> {
  const server = await start();
  return {
    at: [{ kind: 'dynamodb', url: server.url }],
    async fault(_, next) {
      await server.kill();
      await sleep(next() * 500);
      await server.start();
      return 'restart';
    },
    stop: server.stop,
  };
}

export const DYNAMODB_ROWS: readonly Row[] = [
  {
    store: DYNAMODB.store,
    name: 'DynamoDB: away',
    fault: 'the service is away for a while',
    missing,
    everyMs: 2500,
    start: restarted,
  },
];
