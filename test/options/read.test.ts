import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { jsonCodec } from '../../src/once/index.js';
import { nested } from '../../src/options/nested.js';
import { readOptions } from '../../src/options/read.js';
import {
  choice,
  duration,
  either,
  func,
  joined,
  off,
  only,
  required,
  text,
  wholeNumber,
  without,
} from '../../src/options/spec.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import { thrownBy } from '../errors/thrown.js';

const specs = {
  ttlMs: duration({ default: 1000, min: 10 }),
  waitMs: duration({}),
  mode: choice('join', 'reject'),
  decide: either(choice('retry', 'hold'), func<() => string>()),
  cache: either(nested({ maxEntries: wholeNumber({ default: 5, min: 1 }) }), off()),
  headerName: text({ default: 'Key', pattern: /^[A-Z]/, wanted: 'a name' }),
};
const read = (options: unknown) => readOptions(specs, options, 'options of make');
const messageOf = (options: unknown) => (thrownBy(() => read(options)) as Error).message;

describe('readOptions', () => {
  it('fills in the defaults, also where an option is undefined', () => {
    const defaults = {
      ttlMs: 1000,
      waitMs: undefined,
      mode: 'join',
      decide: 'retry',
      cache: { maxEntries: 5 },
      headerName: 'Key',
    };
    expect(read({})).toEqual(defaults);
    expect(read(Object.fromEntries(Object.keys(specs).map((name) => [name, undefined])))).toEqual(
      defaults,
    );
  });

  it('keeps what is given', () => {
    const decide = () => 'retry';
    const given = { ttlMs: 10, mode: 'reject', decide, cache: false, headerName: 'A', waitMs: 0 };
    expect(read(given)).toEqual(given);
    expect(read({ cache: { maxEntries: 1 } }).cache).toEqual({ maxEntries: 1 });
  });

  it('reads each option once', () => {
    let reads = 0;
    const options = {
      get ttlMs() {
        return ++reads === 1 ? 20 : 'changed';
      },
    };
    expect(read(options).ttlMs).toBe(20);
  });

  it.each([
    [undefined, 'Cannot use the options of make: wanted an object, not undefined'],
    [new Map(), 'Cannot use the options of make: wanted a plain object, not a Map'],
    [
      { ttlMs: 9 },
      'Cannot use the options of make: ttlMs is 9, wanted a whole number from 10 to 2147483647',
    ],
    [
      { ttlMs: '9' },
      'Cannot use the options of make: ttlMs is text, wanted a whole number from 10 to 2147483647',
    ],
    [{ mode: 'wait' }, 'Cannot use the options of make: mode is "wait", wanted "join" or "reject"'],
    [
      { decide: 'no' },
      'Cannot use the options of make: decide is "no", wanted "retry" or "hold" or a function',
    ],
    [
      { decide: 5 },
      'Cannot use the options of make: decide is a number, wanted "retry" or "hold" or a function',
    ],
    [
      { cache: true },
      'Cannot use the options of make: cache is a boolean, wanted an object or false',
    ],
    [
      { cache: { maxEntries: 0 } },
      'Cannot use the cache in the options of make: cache.maxEntries is 0, wanted a whole number from 1',
    ],
    [
      { cache: { max: 1 } },
      'Cannot use the cache in the options of make: there is no member "max" (did you mean "maxEntries"?), only maxEntries',
    ],
    [{ headerName: 'key' }, 'Cannot use the options of make: headerName is "key", wanted a name'],
  ])('refuses %j', (options, message) => {
    expect(messageOf(options)).toBe(message);
  });

  it('refuses a required option that is missing', () => {
    const make = () => readOptions({ open: required(func()) }, {}, 'options of make');
    expect(make).toThrow('Cannot use the options of make: open is undefined, wanted a function');
  });
});

describe('a suggestion', () => {
  it.each([
    ['tllMs', 'ttlMs'],
    ['TTLMS', 'ttlMs'],
    ['ttl', 'ttlMs'],
    ['header', 'headerName'],
    ['headersName', 'headerName'],
    ['caches', 'cache'],
  ])('for %s is %s', (wrong, right) => {
    expect(messageOf({ [wrong]: 1 })).toContain(`"${wrong}" (did you mean "${right}"?), only`);
  });

  it.each(['x', '', 'timeout', 'constructor', 'toString'])('for %j is not made', (wrong) => {
    expect(messageOf({ [wrong]: 1 })).toMatch(/: there is no member ".*", only ttlMs, waitMs,/);
  });

  it('says whose option it is', () => {
    const options = { store: memoryStore(), storeErrors: 1 } as never;
    const owner = 'there is no member "storeErrors" (it is an option of createOnce), only';
    expect(() => idempotentFetch(options)).toThrow(owner);
    expect(() => idempotent(async () => new Response(), options)).toThrow(owner);
  });
});

it('responses have a codec of their own, which can only be encrypted', () => {
  const options = { store: memoryStore(), codec: jsonCodec } as never;
  const wanted = 'codec is no encryptedCodec, wanted encryptedCodec({ keys })';
  expect(() => idempotentFetch(options)).toThrow(wanted);
  expect(() => idempotent(async () => new Response(), options)).toThrow(wanted);
});

describe('specifications', () => {
  it('are combined without changing each other', () => {
    const rest = without(specs, 'cache', 'decide');
    expect(Object.keys(rest)).toEqual(['ttlMs', 'waitMs', 'mode', 'headerName']);
    expect(Object.keys(only(specs, 'mode', 'ttlMs'))).toEqual(['ttlMs', 'mode']);
    expect(Object.keys(joined(only(specs, 'mode'), { more: text({}) }))).toEqual(['mode', 'more']);
    expect(Object.keys(specs)).toHaveLength(6);
  });
});
