/**
 * Orders that are delivered twice: `node examples/lambda/orders.mjs`
 *
 * A queue delivers an event to two environments at the same time. Then an environment runs out of
 * time in the middle of a charge, and Lambda calls the function again. It runs offline: the table is
 * in dynalite, and each environment is a process of its own, which is killed as Lambda kills it.
 */
import { fork } from 'node:child_process';
import { once as untilEvent } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbStore } from 'samekey/store/dynamodb';
import { createClient } from '../once/client.mjs';
import { compare } from '../once/compare.mjs';
import { createHandler } from './handler.mjs';

const NOTES = ['the customer asked politely', 'customer insists on it'];
/** What Lambda leaves to a function that runs out of time. */
const BRIEF_MS = 1500;

/** One environment: it handles one event, as the file that is deployed does. */
async function handle(way, url, endpoint, order, note, timeMs) {
  const provider = createClient(url);
  const charge = (event, key) =>
    provider.create(
      {
        model: 'm',
        max_tokens: 100,
        messages: [{ role: 'user', content: `Charge order ${event.order}.` }],
      },
      { maxRetries: 0, metadata: { key } },
    );
  const event = { order, amount: 100, note };
  const startedAt = Date.now();
  const context = { getRemainingTimeInMillis: () => timeMs - (Date.now() - startedAt) };
  if (way === 'without samekey:') return charge(event);
  const store = dynamoDbStore({ client: clientOf(endpoint) });
  return createHandler(store, charge, provider.find)(event, context);
}

/** dynalite takes any credentials. */
const clientOf = (endpoint) =>
  new DynamoDBClient({
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });

/** Starts dynalite with a table. */
async function startTable() {
  const probe = createServer().listen(0, '127.0.0.1');
  await untilEvent(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const program = createRequire(import.meta.url).resolve('dynalite/cli.js');
  const child = fork(program, ['--port', String(port), '--createTableMs', '0'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  await untilEvent(child.stdout, 'data');
  const endpoint = `http://127.0.0.1:${port}`;
  const client = clientOf(endpoint);
  await client.send(new CreateTableCommand(dynamoDbStore({ client }).schema));
  return { endpoint, stop: () => child.kill() };
}

/** Starts an environment. Lambda ends it when its time is over. */
async function invoke(way, url, endpoint, order, note, timeMs = 10_000) {
  const args = [way, url, endpoint, order, note, timeMs].map(String);
  const child = fork(fileURLToPath(import.meta.url), args);
  const exit = untilEvent(child, 'exit');
  await untilEvent(child, 'message');
  const timeout = setTimeout(() => child.kill('SIGKILL'), timeMs);
  await exit;
  clearTimeout(timeout);
}

const SCENES = [
  {
    title: 'The queue delivers an event twice, worded differently:',
    mood: 'answer',
    play: (...what) => Promise.all(NOTES.map((note) => invoke(...what, note))),
  },
  {
    title: 'The time is over during the charge, and Lambda calls again:',
    mood: 'late:3000',
    async play(...what) {
      await invoke(...what, NOTES[0], BRIEF_MS);
      await invoke(...what, NOTES[1]);
    },
  },
];

if (process.send) {
  const [way, url, endpoint, order, note, timeMs] = process.argv.slice(2);
  process.send('ready');
  await handle(way, url, endpoint, Number(order), note, Number(timeMs));
  process.exit();
}
const table = await startTable();
try {
  for (const [order, { title, mood, play }] of SCENES.entries()) {
    console.log(title);
    const ways = ['without samekey:', 'with samekey:'].map((way) => [
      way,
      (url) => play(way, url, table.endpoint, order),
    ]);
    await compare([mood], Object.fromEntries(ways));
  }
} finally {
  table.stop();
}
