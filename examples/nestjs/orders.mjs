/**
 * An order that is billed once: `node examples/nestjs/orders.mjs`
 *
 * The client sends an order and times out while the shop works on it. It retries, and then sends the
 * order a third time, with one key for all three. The shop is in `shop.ts`, whose decorators esbuild
 * compiles.
 */
import { build } from 'esbuild';
import { keyOf } from 'samekey';

const outfile = new URL('../../build/examples/nestjs-shop.mjs', import.meta.url).pathname;
await build({
  entryPoints: [new URL('shop.ts', import.meta.url).pathname],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
});
const { billed, events, startShop } = await import(outfile);

/** Sends the order until there is a response, and then a third time. */
async function placeOrder(url, order) {
  const patience = new AbortController();
  events.onBilled = () => patience.abort();
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
  await send(patience.signal).catch(() => 'nobody knows whether it arrived');
  const numbers = [];
  for (const _ of ['the retry', 'to be sure']) numbers.push((await (await send()).json()).number);
  return numbers;
}

for (const isProtected of [false, true]) {
  billed.length = 0;
  const app = await startShop(isProtected);
  const numbers = await placeOrder(`${await app.getUrl()}/orders`, { item: 'A1', amount: 20 });
  const total = billed.reduce((sum, amount) => sum + amount, 0);
  const way = isProtected ? 'with samekey:' : 'without samekey:';
  console.log(`${way} billed ${total} EUR, the client was told of order ${numbers.join(' and ')}`);
  await app.close();
}
