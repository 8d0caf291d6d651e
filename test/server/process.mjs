/**
 * One of several servers that share a Redis. It is plain JavaScript and imports the built package.
 * Each run of its handler appends a line to a file.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createClient } from 'redis';
import { expressIdempotency } from '../../dist/server/express.js';
import { redisStore } from '../../dist/store/redis.js';

const { url, log, options } = JSON.parse(process.argv[2]);
const client = createClient({ url });
await client.on('error', () => {}).connect();

const app = express();
app.use(expressIdempotency({ store: redisStore({ client }), ...options }));
app.post('/slow', async (request, response) => {
  appendFileSync(log, `${request.get('idempotency-key')} ${process.pid}\n`);
  response.set('x-made-by', String(process.pid));
  response.write('made ');
  // It takes so long, or until a file exists.
  const { takesMs = 300, until } = request.query;
  if (until === undefined) await sleep(Number(takesMs));
  else while (!existsSync(until)) await sleep(10);
  response.end(`by ${process.pid}`);
});
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
