/**
 * An order that is placed once: `node examples/express/orders.mjs`
 *
 * The client sends an order and times out while the shop works on it. It retries, and then sends the
 * order a third time. It makes one key for the order, before the first attempt. A shop that handles the
 * key takes one order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { keyOf } from 'samekey';
import { expressIdempotency } from 'samekey/express';
import { memoryStore } from 'samekey/store/memory';

/** @param {express.RequestHandler[]} middleware */
async function startShop(...middleware) {
  const orders = [];
  const patience = new AbortController();
  const app = express();
  app.use(express.json(), ...middleware);
  app.post('/orders', async (request, response) => {
    orders.push(request.body);
    const order = { number: orders.length, ...request.body };
    setTimeout(() => patience.abort(), 100);
    await sleep(400);
    response.status(201).json(order);
  });
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const url = `http://127.0.0.1:${server.address().port}/orders`;
  return { orders, patience: patience.signal, server, url };
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
  'with samekey:': [expressIdempotency({ store: memoryStore() })],
};
for (const [name, middleware] of Object.entries(ways)) {
  const { orders, patience, server, url } = await startShop(...middleware);
  const numbers = await placeOrder(url, { item: 'A1', quantity: 2, order_id: 7 }, patience);
  const times = orders.length === 1 ? 'once' : `${orders.length} times`;
  console.log(
    `${name.padEnd(16)} the handler ran ${times}, the client was told of order ${numbers.join(' and ')}`,
  );
  server.close();
}
