import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { defineIdentity, type IdentityLike, identities, keyOfJson } from '../../dist/index.js';
import { createPool, type Pool } from '../../dist/pool/pool.js';
import { activeEngine, useEngine as useEngineInSource } from '../../src/index.js';
import run from '../../src/pool/worker.js';
import { expectRejected, expectThrown } from '../errors/thrown.js';
import { random } from '../runtime/random.js';

// The built package, because threads only run built files.
const pools: Pool[] = [];
function pool(threads: number, identity?: IdentityLike): Pool {
  const created = createPool(identity === undefined ? { threads } : { threads, identity });
  pools.push(created);
  return created;
}
const one = pool(1);
const two = pool(2);
const three = pool(3);
afterAll(() => Promise.all(pools.map((each) => each.close())));

/** Texts of very unequal length, each in another spelling of its own value. */
function texts(count: number, seed: number): (string | Uint8Array)[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = next() < 0.02 ? 300_000 : next() * 400;
    const text = JSON.stringify(
      { n: i, b: 'é😀x'.repeat(length / 4), a: [next(), null] },
      null,
      i % 3,
    );
    return i % 4 === 0 ? new TextEncoder().encode(text) : text;
  });
}

describe('pool.keysOfJson', () => {
  it.each([
    ['1 thread', one],
    ['2 threads', two],
    ['3 threads', three],
  ])('gives the keys of keyOfJson in their order: %s', async (_, each) => {
    const list = texts(300, 7);
    const expected = list.map((text) => keyOfJson(text));
    expect(new Set(expected).size).toBe(300);
    expect(await each.keysOfJson(list)).toEqual(expected);
    expect(await each.keysOfJson([...list].reverse())).toEqual([...expected].reverse());
  });

  it.each([0, 1, 2, 5])('takes a list of %i', async (count) => {
    const list = texts(count, 1);
    expect(await two.keysOfJson(list)).toEqual(list.map((text) => keyOfJson(text)));
  });

  it('takes bytes from the middle of a buffer, and leaves them there', async () => {
    const buffer = new TextEncoder().encode('xx{"a":1}yy');
    const middle = buffer.subarray(2, 9);
    expect(await two.keysOfJson([middle, middle.slice().buffer])).toEqual([
      keyOfJson('{"a":1}'),
      keyOfJson('{"a":1}'),
    ]);
    expect(new TextDecoder().decode(buffer)).toBe('xx{"a":1}yy');
  });

  it('takes calls that overlap', async () => {
    const lists = [texts(120, 2), texts(3, 3), texts(50, 4)];
    const expected = lists.map((list) => list.map((text) => keyOfJson(text)));
    expect(await Promise.all(lists.map((list) => two.keysOfJson(list)))).toEqual(expected);
  });

  it('names the first text without a key', async () => {
    const list = ['1', '{"a":\n  [1 2]}', '2', 'x'];
    await expectRejected(two.keysOfJson(list), SyntaxError, {
      code: 'SAMEKEY_BAD_JSON',
      position: 11,
      message: /^Cannot make a key of text 1, line 2, column 6: found .*, wanted /,
    });
    await expectRejected(two.keysOfJson(['1', '[9007199254740993]']), RangeError, {
      code: 'SAMEKEY_BIG_NUMBER',
      path: '/0',
      message: /^Cannot make a key of text 1, line 1, column 2: /,
    });
    await expectRejected(two.keysOfJson(['{"b":1}'], { include: ['a'] }), RangeError, {
      code: 'SAMEKEY_EMPTY_IDENTITY',
      message: /^Cannot make a key of text 0: .*\(\$\.a\)$/,
    });
    await expectRejected(two.keysOfJson(['1', '"\ud800"']), TypeError, {
      code: 'SAMEKEY_LONE_SURROGATE',
      message: /^Cannot make a key of text 1: the lone surrogate/,
    });
    await expectRejected(two.keysOfJson(['1', 7 as never]), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: 'Cannot make a key of text 1: it is a number, wanted text or bytes',
    });
    await expectRejected(two.keysOfJson('1' as never), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: 'Cannot make keys of the texts: it is text, wanted an array',
    });
    // The error does not affect later calls.
    expect(await two.keysOfJson(['1'])).toEqual([keyOfJson('1')]);
  });
});

describe('identities in other threads', () => {
  const list = [
    '{"a":"x","model":"m","service_tier":"t","b":[{"c":1},{"c":2}]}',
    '{"model":"m","a":"y","id":9007199254740993}',
  ];
  const secretBytes = new TextEncoder().encode('…correct horse…').subarray(3, 16);

  it.each<[string, IdentityLike]>([
    ['a preset', { ...identities.anthropic, bigNumbers: 'double' }],
    ['one that was compiled', defineIdentity({ exclude: ['a'], bigNumbers: 'double' })],
    ['include', { include: ['$.b[*].c', 'model', 'id'], bigNumbers: 'double' }],
    ['scopes', { scope: ['prod', 'tenant-1'], bigNumbers: 'double' }],
    ['bits', { bits: 128, bigNumbers: 'double' }],
    ['a secret text', { secret: 'correct horse', bigNumbers: 'double' }],
    ['secret bytes', { secret: secretBytes, bigNumbers: 'double' }],
    ['a secret buffer', { secret: secretBytes.slice().buffer, bigNumbers: 'double' }],
    ['refs', { refs: ['a'], bigNumbers: 'double' }],
    ['window', { window: { lengthMs: 2 ** 52 }, bigNumbers: 'double' }],
  ])('%s', async (_, identity) => {
    const expected = list.map((text) => keyOfJson(text, identity));
    expect(expected).not.toEqual(list.map((text) => keyOfJson(text, { bigNumbers: 'double' })));
    expect(await two.keysOfJson(list, identity)).toEqual(expected);
    const usual = pool(1, identity);
    expect(await usual.keysOfJson(list)).toEqual(expected);
    // The identity of the call takes precedence.
    expect(await usual.keysOfJson(['1'], { bits: 128 })).toEqual([keyOfJson('1', { bits: 128 })]);
    await usual.close();
  });

  it('are in one time window for all keys of a call', async () => {
    const started = Date.now();
    async function* lines() {
      for (let part = 1; part <= 3; part++) {
        yield '{"a":1}\n'.repeat(200_000);
        while (Date.now() < started + 10 * part) await new Promise(setImmediate);
      }
    }
    const keys = new Set();
    for await (const { key } of two.jsonLines(lines(), { identity: { window: { lengthMs: 1 } } })) {
      keys.add(key);
    }
    const windows = Array.from({ length: Date.now() - started + 1 }, (_, i) =>
      keyOfJson('{"a":1}', { window: { lengthMs: 1, clock: () => started + i } }),
    );
    expect(windows.length).toBeGreaterThan(10);
    expect(keys.size).toBe(1);
    expect(windows).toContain([...keys][0]);
  });

  it('are refused if they have functions, which cannot be sent', async () => {
    const clock = { window: { lengthMs: 1000, clock: () => 0 } };
    const cache = { refs: { paths: ['a'], cache: new Map<string, string>() } };
    expectThrown(() => createPool({ identity: clock }), TypeError, {
      code: 'SAMEKEY_BAD_IDENTITY',
      message:
        'Cannot use the identity in a pool: window.clock cannot be called from other threads, wanted window without a clock',
    });
    await expectRejected(two.keysOfJson(['1'], cache), TypeError, {
      code: 'SAMEKEY_BAD_IDENTITY',
      message: /refs\.cache cannot be called from other threads, wanted refs as a list$/,
    });
    expectThrown(() => two.jsonLines(new Blob(), { identity: defineIdentity(clock) }), TypeError, {
      code: 'SAMEKEY_BAD_IDENTITY',
    });
    expectThrown(() => createPool({ identity: { exclude: ['$['] } }), SyntaxError, {
      code: 'SAMEKEY_BAD_PATH',
    });
  });
});

describe('a thread', () => {
  const work = {
    identity: undefined,
    nowMs: 0,
    maxLineBytes: 100,
    continueOnFault: true,
  };
  const batch = (text: string) => ({ bytes: new TextEncoder().encode(text) });

  it.each(['js', 'wasm', 'native', 'auto'] as const)(
    'uses the engine of who asks: %s',
    (engine) => {
      const { keys } = run({ batch: batch('7'), work: { ...work, engine } });
      expect(activeEngine().choice).toBe(engine);
      expect(new TextDecoder().decode(keys)).toBe(`${keyOfJson('7')}\n`);
      useEngineInSource('auto');
    },
  );

  it('yields one result per line, with any content', () => {
    const json = fc.json({ maxDepth: 2 });
    const line = fc.oneof(json, fc.constantFrom('', ' \t\r', '{', '\u00e9', '['.repeat(101)));
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom('', '\n', '\r\n'), (lines, last) => {
        const text = lines.join('\n') + (lines.length > 0 ? last : '');
        const all = last === '' && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
        const { keys, itemCount, faults } = run({
          batch: batch(text),
          work: { ...work, engine: 'auto' },
        });
        const expected = all.map((each, i) => {
          // A carriage return is white space of the line that it ends.
          const ended = last === '\r\n' && i === all.length - 1 ? `${each}\r` : each;
          try {
            return new TextEncoder().encode(ended).length > 100 ? '' : keyOfJson(each);
          } catch {
            return '';
          }
        });
        expect(new TextDecoder().decode(keys)).toBe(expected.map((key) => `${key}\n`).join(''));
        expect(itemCount).toBe(all.length);
        const bad = all.flatMap((each, i) =>
          expected[i] === '' && /[^ \t\r]/.test(each) ? [i] : [],
        );
        expect(faults.map(({ item }) => item)).toEqual(bad);
      }),
    );
  });
});

describe('createPool', () => {
  it.each([
    [{ threads: 0 }, RangeError, /threads is 0, wanted a whole number from 1 to 1024$/],
    [{ threads: 1.5 }, RangeError, /threads is 1\.5/],
    [{ threads: 2000 }, RangeError, /threads is 2000/],
    [{ threads: '2' }, TypeError, /threads is text/],
    [
      { thread: 2 },
      TypeError,
      /there is no member "thread" \(did you mean "threads"\?\), only threads, identity$/,
    ],
    [2, TypeError, /wanted an object, not a number$/],
  ])('refuses %j', (options, Class, message) => {
    expectThrown(() => createPool(options as never), Class, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message,
    });
  });

  it('has as many threads as there are cores, unless told', async () => {
    const created = createPool();
    expect(created.threads).toBe((await import('node:os')).availableParallelism());
    await created.close();
  });

  it('closes after what the threads have, and is of no use then', async () => {
    const created = createPool({ threads: 2 });
    const list = texts(200, 5);
    const inProgress = created.keysOfJson(list.slice(0, 2));
    await new Promise(setImmediate);
    await created[Symbol.asyncDispose]();
    expect(await inProgress).toEqual(list.slice(0, 2).map((text) => keyOfJson(text)));
    await expectRejected(created.keysOfJson(['1']), Error, {
      code: 'SAMEKEY_BAD_STATE',
      message: 'Cannot use the pool: it was closed, wanted an open one',
    });
    expectThrown(() => created.jsonLines(new Blob()), Error, { code: 'SAMEKEY_BAD_STATE' });
    await created.close();
  });
});
