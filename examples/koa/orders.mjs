/**
 * An order that is billed once: `node examples/koa/orders.mjs`
 *
 * The client sends an order and times out while the shop works on it. It retries, and then sends the
 * order a third time, with one key for all three.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Koa from 'koa';
import { keyOf } from 'samekey';
import { koaIdempotency } from 'samekey/koa';
import { memoryStore } from 'samekey/store/memory';

/** @param {Koa.Middleware[]} middleware */
async function startShop(...middleware) {
  const billed = [];
  const patience = new AbortController();
  const app = new Koa();
  for (const each of middleware) app.use(each);
  app.use(async (ctx) => {
    const order = JSON.parse(Buffer.concat(await ctx.req.toArray()).toString());
    billed.push(order.amount);
    const number = billed.length;
    setTimeout(() => patience.abort(), 100);
    await sleep(400);
    ctx.status = 201;
    ctx.body = { number, ...order };
  });
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const url = `http://127.0.0.1:${server.address().port}/orders`;
  return { billed, patience: patience.signal, server, url };
}

/** Sends the order until there is a response, and then a third time. */
async function placeOrder(url, order, patience) {
  const send = (signal) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': keyOf(order),
        authorization: 'Bearer ann',
      },
      body: JSON.stringify(order),
      signal,
    });
  await send(patience).catch(() => 'nobody knows whether it arrived');
  const numbers = [];
  for (const _ of ['the retry', 'to be sure']) numbers.push((await (await send()).json()).number);
  return numbers;
}

const ways = {
  'without samekey:': [],
  'with samekey:': [koaIdempotency({ store: memoryStore() })],
};
for (const [name, middleware] of Object.entries(ways)) {
  const { billed, patience, server, url } = await startShop(...middleware);
  const numbers = await placeOrder(url, { item: 'A1', amount: 20, order_id: 7 }, patience);
  const total = billed.reduce((sum, amount) => sum + amount, 0);
  console.log(`${name} billed ${total} EUR, the client was told of order ${numbers.join(' and ')}`);
  server.close();
}
