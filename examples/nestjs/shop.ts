/** A shop on Nest that bills each order, with `samekey/nestjs` or without. `orders.mjs` runs it. */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Body, Controller, type DynamicModule, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IdempotencyKey, IdempotencyModule, Idempotent } from 'samekey/nestjs';
import { memoryStore } from 'samekey/store/memory';

interface Order {
  readonly item: string;
  readonly amount: number;
}

export const billed: number[] = [];
/** Called while the shop works on an order. */
export const events = { onBilled: () => {} };

@Controller('orders')
class Orders {
  @Post()
  @Idempotent()
  async create(@Body() order: Order, @IdempotencyKey() key?: string) {
    billed.push(order.amount);
    const number = billed.length;
    setTimeout(events.onBilled, 100);
    await sleep(400);
    return { number, ...order, paidWith: key };
  }
}

/** Starts the shop. Without the module, `@Idempotent()` does nothing. */
export async function startShop(isProtected: boolean) {
  const imports: DynamicModule[] = isProtected
    ? [IdempotencyModule.forRoot({ store: memoryStore() })]
    : [];

  @Module({ imports, controllers: [Orders] })
  class Shop {}

  const app = await NestFactory.create(Shop, { logger: false });
  await app.listen(0, '127.0.0.1');
  return app;
}
