import { describe, expect, it } from 'vitest';
import { linesOf } from './run-example.js';

describe('examples of servers', () => {
  it('express/orders.mjs: one order, though the client sends it three times', async () => {
    expect(await linesOf('express/orders')).toEqual([
      'without samekey: the handler ran 3 times, the client was told of order 2 and 3',
      'with samekey: the handler ran once, the client was told of order 1 and 1',
    ]);
  });

  it.each(['fastify', 'koa', 'nestjs'])('%s/orders.mjs: billed once', async (name) => {
    expect(await linesOf(`${name}/orders`)).toEqual([
      'without samekey: billed 60 EUR, the client was told of order 2 and 3',
      'with samekey: billed 20 EUR, the client was told of order 1 and 1',
    ]);
  });

  it('mcp/payments.mjs: billed once, though the agent pays three times in other words', async () => {
    expect(await linesOf('mcp/payments')).toEqual([
      'without samekey: billed 60 EUR, the agent was told of receipt 2 and receipt 3',
      'with samekey: billed 20 EUR, the agent was told of receipt 1 and receipt 1',
    ]);
  });

  it('hono-worker/local.mjs: the same, without a platform', async () => {
    expect(await linesOf('hono-worker/local')).toEqual([
      'without samekey: the handler ran 3 times',
      'with samekey: the handler ran once',
      'without a key: 400',
    ]);
  });
});
