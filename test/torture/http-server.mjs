/** One of several servers that share a Redis. Each run of the handler is a line in a file. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { expressIdempotency } from '../../dist/server/express.js';
import { OPEN } from '../store/open-store.mjs';
import { clockMs, writerTo } from './log.mjs';
import { nature } from './once-caller.mjs';
import { recordingStore } from './recording-store.mjs';
import { random } from './seeded.mjs';

const { name, log, store: at, seed, load } = JSON.parse(process.argv[2]);
const next = random(seed);
const writeAsItIs = writerTo(log, name);

/** The store's keys are digests. The history contains the client's keys. */
const clientKey = new AsyncLocalStorage();
const keys = new Map();
const tokens = new Map();
const write = (event) => {
  if (!keys.has(event.key)) keys.set(event.key, clientKey.getStore());
  const key = keys.get(event.key);
  if (event.type === 'claim') tokens.set(key, event.token);
  writeAsItIs({ ...event, key });
};
const store = recordingStore(await OPEN[at.kind](at), write, clockMs);

const app = express();
const { leaseMs, storeTimeoutMs, ttlMs } = load;
app.use((request, _, resume) => clientKey.run(request.get('idempotency-key'), resume));
app.use(expressIdempotency({ store, leaseMs, storeTimeoutMs, ttlMs, cache: false }));
let runCount = 0;
app.post('/', async (request, response) => {
  const key = request.get('idempotency-key');
  const run = `${name}/${runCount++}`;
  writeAsItIs({ type: 'run', run, call: '', key, attempt: 1, token: tokens.get(key) });
  const { takesMs, throws, bytes } = nature(next, load);
  await sleep(takesMs);
  writeAsItIs({ type: 'ran', run, threw: throws });
  if (throws) response.status(500).json({ code: 'the handler failed' });
  else response.json({ run, key, text: 'x'.repeat(bytes) });
});
const server = createServer(app);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
