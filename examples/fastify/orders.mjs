/**
 * An order that is billed once: `node examples/fastify/orders.mjs`
 *
 * The client sends an order and times out while the shop works on it. It retries, and then sends the
 * order a third time, with one key for all three.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { keyOf } from 'samekey';
import { fastifyIdempotency } from 'samekey/fastify';
import { memoryStore } from 'samekey/store/memory';

/** @param {import('fastify').FastifyPluginCallback[]} plugins */
async function startShop(...plugins) {
  const billed = [];
  const patience = new AbortController();
  const app = fastify();
  for (const plugin of plugins) await app.register(plugin);
  app.post('/orders', async (request, reply) => {
    billed.push(request.body.amount);
    const number = billed.length;
    setTimeout(() => patience.abort(), 100);
    await sleep(400);
    return reply.code(201).send({ number, ...request.body });
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, billed, patience: patience.signal, url: `${url}/orders` };
}

/** Sends the order until there is a response, and then a third time. */
async function placeOrder(url, order, patience) {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': keyOf(order),
    authorization: 'Bearer ann',
  };
  const send = (signal) =>
    fetch(url, { method: 'POST', headers, body: JSON.stringify(order), signal });
  await send(patience).catch(() => 'nobody knows whether it arrived');
  const numbers = [];
  for (const _ of ['the retry', 'to be sure']) numbers.push((await (await send()).json()).number);
  return numbers;
}

const ways = {
  'without samekey:': [],
  'with samekey:': [fastifyIdempotency({ store: memoryStore() })],
};
for (const [name, plugins] of Object.entries(ways)) {
  const { app, billed, patience, url } = await startShop(...plugins);
  const numbers = await placeOrder(url, { item: 'A1', amount: 20, order_id: 7 }, patience);
  const total = billed.reduce((sum, amount) => sum + amount, 0);
  console.log(`${name} billed ${total} EUR, the client was told of order ${numbers.join(' and ')}`);
  await app.close();
}
