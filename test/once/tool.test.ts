import { expect, it } from 'vitest';
import { defineIdentity, keyOf } from '../../src/index.js';
import { createOnce, onceTool } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectThrown } from '../errors/thrown.js';

interface Refund {
  readonly order: number;
  readonly note?: string;
}

it('runs once for the same arguments, whatever their order', async () => {
  let calls = 0;
  const add = onceTool('add', ({ a, b }: { a: number; b: number }) => {
    calls++;
    return a + b;
  });
  expect(await add({ a: 1, b: 2 })).toBe(3);
  expect(await add({ b: 2, a: 1 })).toBe(3);
  expect(await add({ a: 2, b: 2 })).toBe(4);
  expect(calls).toBe(2);
  expect(add.stats()).toEqual({ hits: 1, misses: 2 });
});

it('runs once without arguments', async () => {
  let calls = 0;
  const list = onceTool('list', (_: object | undefined) => ++calls);
  expect(await list(undefined)).toBe(1);
  expect(await list({})).toBe(1);
});

it('takes prose for another operation, unless its identity says what makes it the same', async () => {
  const refund = ({ order }: Refund) => `refunded ${order}`;
  const careless = onceTool('refund', refund);
  const careful = onceTool('refund', refund, { identity: { include: ['order'] } });
  for (const tool of [careless, careful]) {
    await tool({ order: 7, note: 'as the customer asked' });
    await tool({ order: 7, note: 'the customer wants it' });
  }
  expect(careless.stats().misses).toBe(2);
  expect(careful.stats().misses).toBe(1);
});

it('shares runs with every tool of its name on the same store, and with no other', async () => {
  const once = createOnce({ store: memoryStore() });
  const run = (result: string) => () => result;
  const first = onceTool('search', run('first'), { once });
  const second = onceTool('search', run('second'), { once });
  const other = onceTool('research', run('other'), { once });
  expect(await Promise.all([first({ q: 'x' }), second({ q: 'x' }), other({ q: 'x' })])).toEqual([
    'first',
    'first',
    'other',
  ]);
});

it('tells its keys, keeps the scope of its identity, and forgets', async () => {
  const identity = defineIdentity({ include: ['order'], scope: 'tenant-1' });
  const tool = onceTool('refund', (args: Refund) => args.note, { identity });
  const key = tool.keyOf({ order: 7, note: 'a' });
  expect(key).toBe(keyOf({ order: 7 }, { scope: ['tool', 'refund', 'tenant-1'] }));
  expect(await tool({ order: 7, note: 'a' })).toBe('a');
  expect(await tool({ order: 7, note: 'b' })).toBe('a');
  expect(await tool({ order: 7, note: 'c' }, { fresh: true })).toBe('c');
  expect(await tool.evict({ order: 7 })).toBe(true);
  expect(await tool({ order: 7, note: 'd' })).toBe('d');
});

it.each<[unknown, unknown, object, RegExp]>([
  ['', () => 1, {}, /its name is text, wanted onceTool\(name, function\)/],
  [() => 1, {}, {}, /it is an object/],
  ['t', () => 1, { include: ['a'] }, /no member "include", only identity, once, ttlMs/],
])('refuses %o, %o, %o', (name, fn, options, message) => {
  expectThrown(() => onceTool(name as string, fn as () => number, options), TypeError, {
    code: 'SAMEKEY_BAD_ARGUMENT',
    message,
  });
});
