/**
 * Ten workers and one job: `node examples/once/workers.mjs` (needs redis-server)
 *
 * The same order arrives ten times, five of them after it was done. With random ids these are ten
 * jobs. With the key as its id, BullMQ adds no second job while the first one exists. `once` also covers
 * the cases that the job was removed, or that BullMQ gives one job to two workers because the first one
 * seemed to be dead.
 */
import { randomUUID } from 'node:crypto';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { keyOf } from 'samekey';
import { createOnce } from 'samekey/once';
import { redisStore } from 'samekey/store/redis';
import { createClient } from './client.mjs';
import { compare } from './compare.mjs';
import { hasRedisServer, startRedisServer } from './redis-server.mjs';

const WORKER_COUNT = 10;
const request = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Refund order 7.' }],
};

/** Shares only Redis with the other workers, so it could run on another machine. */
function startWorker(queueName, connection, providerUrl, isOnce) {
  const provider = createClient(providerUrl);
  const client = new Redis({ ...connection, maxRetriesPerRequest: null });
  const once = createOnce({ store: redisStore({ client, prefix: `${queueName}:` }) });
  const run = isOnce
    ? ({ data }) => once(keyOf(data), () => provider.create(data))
    : ({ data }) => provider.create(data);
  const worker = new Worker(queueName, run, { connection: client });
  return {
    worker,
    async stop() {
      await worker.close();
      await once.close();
      client.disconnect();
    },
  };
}

function ordersTo(connection, { jobId, isOnce }) {
  return async (providerUrl) => {
    const queueName = randomUUID();
    const queue = new Queue(queueName, { connection });
    const events = new QueueEvents(queueName, { connection });
    await events.waitUntilReady();
    const workers = Array.from({ length: WORKER_COUNT }, () =>
      startWorker(queueName, connection, providerUrl, isOnce),
    );
    await Promise.all(workers.map(({ worker }) => worker.waitUntilReady()));

    for (let half = 1; half <= 2; half++) {
      const orders = Array.from({ length: WORKER_COUNT / 2 }, () => ({
        name: 'order',
        data: request,
        opts: { jobId: jobId(request), removeOnComplete: true },
      }));
      const left = new Set(orders.map(({ opts }) => opts.jobId));
      const done = new Promise((resolve) => {
        events.on('completed', ({ jobId }) => left.delete(jobId) && left.size === 0 && resolve());
      });
      await queue.addBulk(orders);
      await done;
    }

    await Promise.all(workers.map(({ stop }) => stop()));
    await Promise.all([queue.close(), events.close()]);
  };
}

if (hasRedisServer()) {
  const redis = await startRedisServer();
  const connection = { host: '127.0.0.1', port: redis.port };
  const random = () => randomUUID();
  await compare([], {
    'random job ids, without samekey:': ordersTo(connection, { jobId: random, isOnce: false }),
    'random job ids, with samekey:': ordersTo(connection, { jobId: random, isOnce: true }),
    'job id = key, without once:': ordersTo(connection, { jobId: keyOf, isOnce: false }),
    'job id = key, with samekey:': ordersTo(connection, { jobId: keyOf, isOnce: true }),
  });
  await redis.stop();
} else {
  console.log('This example did not run: it needs redis-server.');
}
