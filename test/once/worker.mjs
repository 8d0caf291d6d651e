/**
 * One process of several that share a store: told what to do by messages, it says what came of it.
 * It is plain JavaScript on what the package ships, as its users run it.
 */
import { appendFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { idempotentFetch } from '../../dist/fetch/fetch.js';
import { createOnce } from '../../dist/once/index.js';

/** @typedef {{ kind: 'redis' | 'ioredis' | 'postgres' | 'lmdb', at: string }} StoreName */

const { storeName, options, stopAt } = JSON.parse(process.argv[2]);
const say = (message) => process.send(message);

/** What ends only when the process does, or when it is told to go on. */
let goOn = () => {};
const untilTold = () =>
  new Promise((resolve) => {
    goOn = resolve;
  });

async function open({ kind, at }) {
  // They connect again by themselves; the store says what failed meanwhile.
  const ignore = () => {};
  if (kind === 'redis') {
    const { createClient } = await import('redis');
    const client = createClient({ url: at });
    await client.on('error', ignore).connect();
    return (await import('../../dist/store/redis.js')).redisStore({ client });
  }
  if (kind === 'ioredis') {
    const { Redis } = await import('ioredis');
    const client = new Redis(at).on('error', ignore);
    return (await import('../../dist/store/redis.js')).redisStore({ client });
  }
  if (kind === 'postgres') {
    const { Pool } = (await import('pg')).default;
    const pool = new Pool({ connectionString: at, max: 4 }).on('error', ignore);
    const store = (await import('../../dist/store/postgres.js')).postgresStore({ pool });
    await store.migrate();
    return store;
  }
  return (await import('../../dist/store/lmdb.js')).lmdbStore({ path: at });
}

/** The store, which hears nothing any longer once `action` has been decided, or was about to be. */
function stopping(store, action) {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...args) => {
        if (name === action && name === 'complete') {
          say({ type: 'stopped' });
          await untilTold();
        }
        const result = await member.apply(target, args);
        if (name === action && name === 'claim') {
          say({ type: 'stopped' });
          await untilTold();
        }
        return result;
      };
    },
  });
}

const store = await open(storeName);
const { onUnknown, ...plain } = options;
const once = createOnce({
  ...plain,
  // A function cannot be sent.
  ...(onUnknown === undefined
    ? {}
    : { onUnknown: onUnknown === 'reconcile' ? () => ({ value: 'found' }) : onUnknown }),
  store: stopping(store, stopAt),
  // What others wrote is what is asked about.
  cache: false,
  storeTimeoutMs: 20_000,
  ...(options.storeTimeoutMs === undefined ? {} : { storeTimeoutMs: options.storeTimeoutMs }),
});

/** Calls with a key, many times at once, and says what all of the callers got. */
async function call({ key, log, callers = 1, takesMs = 0 }) {
  const fn = async ({ attempt, fencingToken }) => {
    // To a file that all append to: it is there whatever happens to this process.
    appendFileSync(log, `${JSON.stringify({ key, attempt, fencingToken, pid: process.pid })}\n`);
    if (stopAt === 'function') {
      say({ type: 'stopped' });
      await untilTold();
    }
    if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
    return { by: process.pid, fencingToken, text: 'é\u2028'.repeat(100) };
  };
  const settled = await Promise.allSettled(
    Array.from({ length: callers }, () => once.detailed(key, fn)),
  );
  const answers = settled.map((each) =>
    each.status === 'fulfilled'
      ? JSON.stringify({ value: each.value.value })
      : JSON.stringify({ error: each.reason?.code ?? String(each.reason) }),
  );
  return { answers: [...new Set(answers)], count: answers.length };
}

/** Reads streams of the provider at this address, many at once, and says what all were told. */
async function stream({ url, callers }) {
  const fetch = idempotentFetch({ store, cache: false });
  const client = new Anthropic({ fetch, baseURL: url, apiKey: 'one for all', maxRetries: 0 });
  const request = {
    model: 'm',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'What is new?' }],
  };
  const texts = await Promise.all(
    Array.from({ length: callers }, () => client.messages.stream(request).finalText()),
  );
  // Who read it has it before the store has.
  while (fetch.stats().inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return { answers: [...new Set(texts)], count: texts.length, stats: fetch.stats() };
}

process.on('message', async (message) => {
  if (message.type === 'stream') return say({ id: message.id, ...(await stream(message)) });
  if (message.type === 'go on') return goOn();
  if (message.type === 'call') return say({ id: message.id, ...(await call(message)) });
  if (message.type === 'record') {
    const record = await once.inspect(message.key);
    const text = record?.payload && new TextDecoder().decode(record.payload);
    return say({ id: message.id, state: record?.state, text });
  }
});
// Nobody is left to talk to.
process.on('disconnect', () => process.exit());
say({ type: 'ready' });
