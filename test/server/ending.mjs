/** A server in its own process, which ends as docs/server.md describes. */
import { setTimeout } from 'node:timers/promises';
import express from 'express';
import { expressIdempotency } from '../../dist/server/express.js';
import { memoryStore } from '../../dist/store/memory.js';

const app = express();
let isEnding = false;
app.use((_, response, next) => {
  if (!isEnding) return next();
  response.set({ connection: 'close', 'retry-after': '1' }).sendStatus(503);
});
const idempotency = expressIdempotency({ store: memoryStore() });
app.use(idempotency);
app.post('/v1/messages', async (_, response) => {
  await setTimeout(20 * Math.random());
  response.json({ ok: true });
});
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.once('SIGTERM', async () => {
  isEnding = true;
  await setTimeout(2000);
  server.close();
  await idempotency.close();
  process.disconnect();
});
