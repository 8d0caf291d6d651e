import { createServer } from 'node:http';
import express, { type RequestHandler } from 'express';
import { expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { keepAsDictionary, toDictionary } from '../../src/server/node/dictionary.js';
import { memoryStore } from '../../src/store/memory.js';
import { listen, post } from './node-server.js';

class Message {
  url = '/';
  body: unknown = { item: 1 };
}

const replaced = () =>
  Object.setPrototypeOf(new Message(), Object.create(Message.prototype)) as Message;

it('an object with a replaced prototype keeps its members, and their order but for one', () => {
  const message = replaced();
  const before = Object.getOwnPropertyDescriptors(message);
  toDictionary(message, 'url');
  expect(Object.getOwnPropertyDescriptors(message)).toEqual(before);
  expect(Object.keys(message)).toEqual(['body', 'url']);
  expect(Object.getPrototypeOf(message)).not.toBe(Message.prototype);
});

it('only Node before 24 keeps its messages as dictionaries, because later versions are faster without', () => {
  const message = replaced();
  keepAsDictionary(message, 'url');
  const isBefore24 = Number.parseInt(process.versions.node, 10) < 24;
  expect(Object.keys(message)).toEqual(isBefore24 ? ['body', 'url'] : ['url', 'body']);
});

it.each<[string, () => object]>([
  ['with the prototype of its class', () => new Message()],
  ['without the member', () => Object.create(replaced())],
  ['with an accessor', () => Object.defineProperty(replaced(), 'url', { get: () => '/a' })],
  ['that is frozen', () => Object.freeze(replaced())],
])('an object %s is left alone', (_, make) => {
  const message = make();
  const before = Object.getOwnPropertyNames(message);
  toDictionary(message, 'url');
  expect(Object.getOwnPropertyNames(message)).toEqual(before);
});

/** What a handler of Express sees, and what its client receives. `isMounted`: the prototype is replaced again. */
async function seenOn(guard: RequestHandler, isMounted: boolean) {
  const app = express().use(guard);
  const inner = isMounted ? express() : app;
  const members: string[] = [];
  const seen: unknown[] = [];
  inner.post('/', (request, response) => {
    members.push(...Object.keys(request), ...Object.keys(response));
    seen.push(request.url, request.originalUrl, response.sendDate);
    response.status(201).cookie('a', 'b').json({ order: 1 });
  });
  if (isMounted) app.use(inner);
  const response = await post(`${await listen(createServer(app))}?a=1`);
  const { date, samekey: _, 'samekey-key': __, ...headers } = Object.fromEntries(response.headers);
  seen.push(response.status, headers, await response.text(), Number.isNaN(Date.parse(date ?? '')));
  return { members, seen };
}

it.each([false, true])('a handler of Express sees the same (mounted: %s)', async (isMounted) => {
  const bare = await seenOn((_request, _response, next) => next(), isMounted);
  const guard = expressIdempotency({ store: memoryStore() }) as unknown as RequestHandler;
  const guarded = await seenOn(guard, isMounted);
  expect(guarded.seen).toEqual(bare.seen);
  expect(guarded.members).toEqual(expect.arrayContaining(bare.members));
});
