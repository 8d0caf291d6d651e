/**
 * One of several processes that share a store. Messages tell it what to do, and it reports the outcome.
 * It is plain JavaScript on the built package, as users run it.
 */
import { appendFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { idempotentFetch } from '../../dist/fetch/fetch.js';
import { createOnce, encryptedCodec } from '../../dist/once/index.js';
import { OPEN } from '../store/open-store.mjs';

const { storeName, options, stopAt } = JSON.parse(process.argv[2]);
const say = (message) => process.send(message);

/** Ends only with the process, or when it is resumed. */
let resume = () => {};
const untilTold = () =>
  new Promise((resolve) => {
    resume = resolve;
  });

async function open({ kind, at }) {
  const store = await OPEN[kind]({ url: at, path: at, max: 4 });
  await store.migrate?.();
  return store;
}

/** The store, which receives no more messages before or after `action` takes effect. */
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
const { onUnknown, encryption, ...plain } = options;
const settings = {
  ...plain,
  // A function cannot be sent.
  ...(onUnknown === undefined
    ? {}
    : { onUnknown: onUnknown === 'reconcile' ? () => ({ value: 'found' }) : onUnknown }),
  store: stopping(store, stopAt),
  // The test is about results of other processes.
  cache: false,
  storeTimeoutMs: 20_000,
  ...(options.storeTimeoutMs === undefined ? {} : { storeTimeoutMs: options.storeTimeoutMs }),
};
const encrypting = (given) => createOnce({ ...settings, codec: encryptedCodec(given) });
let once = encryption === undefined ? createOnce(settings) : encrypting(encryption);

/** Calls with a key many times at once, and reports the answers of all callers. */
async function call({ key, log, callers = 1, takesMs = 0 }) {
  const fn = async ({ attempt, fencingToken }) => {
    // All processes append to one file, which survives this process.
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

/** Reads many streams of the provider at once, and reports what all readers received. */
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
  // The reader has it before the store does.
  while (fetch.stats().inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return { answers: [...new Set(texts)], count: texts.length, stats: fetch.stats() };
}

process.on('message', async (message) => {
  if (message.type === 'stream') return say({ id: message.id, ...(await stream(message)) });
  if (message.type === 'resume') return resume();
  if (message.type === 'call') return say({ id: message.id, ...(await call(message)) });
  if (message.type === 'encrypt') {
    once = encrypting(message.encryption);
    return say({ id: message.id });
  }
  if (message.type === 'record') {
    const record = await once.inspect(message.key);
    const text = record?.payload && new TextDecoder().decode(record.payload);
    return say({ id: message.id, state: record?.state, text });
  }
});
// The parent process has ended.
process.on('disconnect', () => process.exit());
say({ type: 'ready' });
