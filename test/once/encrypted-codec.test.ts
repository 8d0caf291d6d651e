import { describe, expect, it, vi } from 'vitest';
import {
  createOnce,
  type EncryptedCodec,
  type EncryptionKey,
  encryptedCodec,
  jsonCodec,
  type OnceOptions,
  richCodec,
  type StoredResult,
} from '../../src/once/index.js';
import { keyIdOf } from '../../src/once/sealed.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { expectThrown } from '../errors/thrown.js';
import { but, never, processOn, put, rejection, storedResult } from './scene.js';

const KEY = 'order-7';
const OTHER = 'order-8';
const SECRET = 'the secret of the customer';
const base64 = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const FIRST: EncryptionKey = { id: '2026-10', key: base64(1) };
const SECOND: EncryptionKey = { id: '2026-11', key: base64(2) };

/** Calls a function on a platform without `node:crypto`. */
function withoutNodeCrypto<T>(make: () => T): T {
  const { getBuiltinModule } = process;
  process.getBuiltinModule = ((name: string) =>
    name === 'node:crypto' ? undefined : getBuiltinModule(name)) as typeof getBuiltinModule;
  try {
    return make();
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
}

const WAYS = {
  'node:crypto': encryptedCodec,
  'Web Crypto': ((options: never) =>
    withoutNodeCrypto(() => encryptedCodec(options))) as typeof encryptedCodec,
};

const textOf = ({ payload }: StoredResult) => Buffer.from(payload).toString('latin1');

describe.each(Object.entries(WAYS))('a codec that encrypts by %s', (_, make) => {
  const codec = make({ keys: [FIRST] });

  it('gives back each value, and the store has nothing of it', async () => {
    const values: Record<string, unknown> = {
      text: SECRET,
      list: [SECRET, { nested: SECRET }],
      nothing: undefined,
      empty: '',
      long: SECRET.repeat(5000),
    };
    for (const [key, value] of Object.entries(values)) {
      const store = memoryStore();
      const once = createOnce({ store, codec, cache: false });
      expect(await once(key, () => value)).toEqual(value);
      const again = await once.detailed(key, () => 'run again');
      expect(again).toMatchObject({ outcome: 'replayed', layer: 'store' });
      expect(again.value).toEqual(value);
      const kept = await storedResult(store, key);
      expect(kept).toMatchObject({ state: 'done', codec: 'encrypted' });
      expect(keyIdOf(kept.payload)).toBe('2026-10');
      expect(textOf(kept)).not.toContain('secret');
      expect(textOf(kept)).not.toContain('json');
    }
  });

  it('gives back what another codec writes, and stored errors', async () => {
    const store = memoryStore();
    const options = {
      store,
      codec: make({ keys: [FIRST], codec: richCodec }),
      cache: false,
    } as const;
    const once = createOnce({ ...options, storeErrors: () => true });
    const value = new Map([['at', new Date(7)]]);
    await once(KEY, () => value);
    expect(await once(KEY, () => 'run again')).toEqual(value);
    const fails = () => {
      throw Object.assign(new RangeError(SECRET), { code: 'E_LIMIT', status: 400 });
    };
    await expect(once(OTHER, fails)).rejects.toThrow(SECRET);
    await expect(once(OTHER, () => 'run again')).rejects.toMatchObject({
      name: 'RangeError',
      message: SECRET,
      code: 'E_LIMIT',
      status: 400,
      replayed: true,
    });
    const kept = await storedResult(store, OTHER);
    expect(kept).toMatchObject({ state: 'failed', codec: 'encrypted' });
    expect(textOf(kept)).not.toMatch(/secret|RangeError|E_LIMIT/);
  });

  it('writes other bytes each time, which both ways of encryption read', async () => {
    const result = { state: 'done', codec: 'json', payload: Buffer.from(`"${SECRET}"`) } as const;
    const [one, two] = [await codec.seal(KEY, result), await codec.seal(KEY, result)];
    expect(textOf(one)).not.toBe(textOf(two));
    for (const [, other] of Object.entries(WAYS)) {
      const opened = await other({ keys: [SECOND, FIRST] }).open(KEY, one);
      expect({ ...opened, payload: textOf(opened) }).toEqual({
        ...result,
        payload: textOf(result),
      });
    }
  });

  it('opens what every one of its keys has encrypted, and encrypts with the first', async () => {
    const store = memoryStore();
    await createOnce({ store, codec })(KEY, () => SECRET);
    const rotated = createOnce({ store, codec: make({ keys: [SECOND, FIRST] }), cache: false });
    expect(await rotated(KEY, () => 'run again')).toBe(SECRET);
    await rotated(OTHER, () => SECRET);
    expect(keyIdOf((await storedResult(store, OTHER)).payload)).toBe('2026-11');
    const later = createOnce({ store, codec: make({ keys: [SECOND] }), cache: false });
    expect(await later(OTHER, () => 'run again')).toBe(SECRET);
    expect((await rejection(later(KEY, () => 'run again'))).message).toBe(
      'Cannot read the stored result of order-7: it is encrypted with the key "2026-10", and the keys are "2026-11", wanted that key',
    );
  });

  it('gives every one of many duplicates the result of one run', async () => {
    const store = memoryStore();
    const processes = Array.from({ length: 4 }, () => createOnce({ store, codec, cache: false }));
    let runs = 0;
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (processes[index % 4] as (typeof processes)[0])(KEY, async () => ({ run: ++runs })),
      ),
    );
    expect(answers).toEqual(Array.from({ length: 40 }, () => ({ run: 1 })));
    expect(runs).toBe(1);
  });

  /** What the store has in place of the result of `KEY`. */
  const WRONG: Record<string, (right: StoredResult) => Promise<StoredResult> | StoredResult> = {
    'the result of another key': async (right) => {
      const { codec: json, payload } = { codec: 'json', payload: Buffer.from(`"${SECRET}"`) };
      return { ...right, ...(await codec.seal(OTHER, { state: 'done', codec: json, payload })) };
    },
    'an error as the result': async () => {
      const payload = Buffer.from(JSON.stringify({ name: 'Error', message: SECRET }));
      return {
        ...(await codec.seal(KEY, { state: 'failed', codec: 'error', payload })),
        state: 'done',
      };
    },
    'the result as an error': (right) => ({ ...right, state: 'failed' }),
    'the result of a lost key': () =>
      make({ keys: [SECOND] }).seal(KEY, {
        state: 'done',
        codec: 'json',
        payload: Buffer.from('1'),
      }),
    'that of another key with the same id': () =>
      make({ keys: [{ ...SECOND, id: FIRST.id }] }).seal(KEY, {
        state: 'done',
        codec: 'json',
        payload: Buffer.from('1'),
      }),
    'a later version': (right) => ({
      ...right,
      payload: Uint8Array.from([2, ...right.payload.subarray(1)]),
    }),
    'a result that is not encrypted': () => ({
      state: 'done',
      codec: 'json',
      payload: Buffer.from(`"${SECRET}"`),
    }),
    'an empty payload': (right) => ({ ...right, payload: new Uint8Array() }),
  };

  const REASONS: Record<string, string> = {
    'the result of a lost key':
      'it is encrypted with the key "2026-11", and the keys are "2026-10", wanted that key',
    'a later version':
      'it has the format 2 of encrypted results, wanted 1: another version of samekey wrote it',
    'a result that is not encrypted':
      'it is not encrypted, but written by the codec "json", wanted the option plain: "read" for results from before the encryption',
    'an empty payload': 'it is cut or damaged: it has 0 bytes, wanted a whole encrypted result',
  };
  const USUAL =
    'the key "2026-10" does not open it, wanted the key that encrypted it, and the record that it was written for';

  it.each(Object.entries(WRONG))('refuses %s', async (name, replaced) => {
    const store = memoryStore();
    await createOnce({ store, codec })(KEY, () => SECRET);
    await put(store, KEY, await replaced(await storedResult(store, KEY)));
    const { once, events } = processOn(store, { codec });
    const error = await rejection(once(KEY, never));
    const wrong = await storedResult(store, KEY);
    const keyId = name === 'the result of a lost key' ? '2026-11' : '2026-10';
    const isSealed = keyIdOf(wrong.payload) !== undefined;
    expect(error).toMatchObject({
      code: 'SAMEKEY_UNREADABLE',
      key: KEY,
      codec: wrong.codec,
      keyId: isSealed ? keyId : undefined,
      message: `Cannot read the stored result of ${KEY}: ${REASONS[name] ?? USUAL}`,
    });
    expect(events).toEqual([
      {
        type: 'unreadable',
        decision: 'hold',
        codec: wrong.codec,
        keyId: error.keyId,
        key: KEY,
        traceparent: undefined,
      },
    ]);
    expect(once.stats()).toMatchObject({ unreadable: 1, executed: 0, replayed: 0, cached: 0 });
    // With the other rule the function runs again, and its result replaces what could not be read.
    const again = processOn(store, { codec, onUnreadable: 'retry', cache: false });
    expect(await again.once(KEY, () => 'run again')).toBe('run again');
    expect(again.types()).toEqual(['unreadable', 'executed']);
    expect(again.events[0]).toMatchObject({ decision: 'retry', codec: wrong.codec });
    expect(await again.once(KEY, never)).toBe('run again');
  });

  it('refuses a result that is cut, or of which a bit has changed, anywhere', async () => {
    const store = memoryStore();
    const once = createOnce({ store, codec, cache: false });
    await once(KEY, () => 'x');
    const right = await storedResult(store, KEY);
    const wrong = [...right.payload.keys()].flatMap((at) => {
      const flipped = Uint8Array.from(right.payload);
      flipped[at] = (flipped[at] as number) ^ 0x10;
      return [right.payload.slice(0, at), flipped];
    });
    for (const payload of wrong) {
      // In an async function an error is a rejection, whether it comes at once or later.
      const open = async () => codec.open(KEY, { ...right, payload });
      await expect(open()).rejects.toThrow(
        /^it is (?:cut|encrypted)|^it has the format|does not open it/,
      );
    }
    expect(wrong).toHaveLength(2 * right.payload.length);
  });

  it('binds each result to its record and its state, whatever was opened before', async () => {
    const keys = [
      '',
      'a',
      'b',
      'ab',
      'é',
      'éa',
      'aé',
      'ééé',
      'abcdef',
      '😀',
      'abcd',
      '\ud800',
      ' ',
    ];
    const sealed = new Map<string, StoredResult>();
    const result = { codec: 'json', payload: new Uint8Array([1, 2, 3]) };
    const states = ['done', 'failed'] as const;
    for (const key of keys) {
      for (const state of states) {
        sealed.set(`${state} ${key}`, await codec.seal(key, { ...result, state }));
      }
    }
    const open = async (key: string, stored: StoredResult) => codec.open(key, stored);
    for (const key of keys) {
      for (const state of states) {
        for (const [name, stored] of sealed) {
          const opening = open(key, { ...stored, state });
          if (name === `${state} ${key}`) {
            const opened = await opening;
            expect(opened).toEqual({ ...result, state });
            expect(opened.payload.constructor).toBe(Uint8Array);
          } else await expect(opening, `${name} as ${state} ${key}`).rejects.toThrow(/not open it/);
        }
      }
    }
    // Calls at the same time do not share bytes.
    const all = keys.map((key) => open(key, sealed.get(`done ${key}`) as StoredResult));
    expect(await Promise.all(all)).toEqual(keys.map(() => ({ ...result, state: 'done' })));
  });

  it('opens a result once, and the cache of the process holds it', async () => {
    const store = memoryStore();
    await createOnce({ store, codec })(KEY, () => SECRET);
    let opened = 0;
    const counting: EncryptedCodec<typeof jsonCodec> = {
      codec: jsonCodec,
      seal: (key, result) => codec.seal(key, result),
      open(key, result) {
        opened++;
        return codec.open(key, result);
      },
    };
    const once = createOnce({ store, codec: counting });
    for (let call = 0; call < 3; call++) expect(await once(KEY, never)).toBe(SECRET);
    expect(opened).toBe(1);
  });

  it('sends the same bytes when a write is repeated', async () => {
    const sent: string[] = [];
    const store = memoryStore();
    const failing = but(store, {
      async complete(...all: Parameters<Store['complete']>) {
        sent.push(textOf(all[2]));
        if (sent.length < 3) throw new Error('lost');
        return store.complete(...all);
      },
    });
    expect(await createOnce({ store: failing, codec })(KEY, () => SECRET)).toBe(SECRET);
    expect(sent).toHaveLength(3);
    expect(new Set(sent).size).toBe(1);
    expect(await createOnce({ store, codec })(KEY, never)).toBe(SECRET);
  });

  it('gives an owner that has lost its lease the result of the other owner', async () => {
    const store = memoryStore();
    const late = processOn(store, { codec, leaseMs: 20, cache: false });
    // Its renewals do not reach the store, which it learns when the other owner has finished.
    let isLost = false;
    const unrenewed = but(store, { renew: async () => !isLost, claim: store.claim });
    const slow = processOn(unrenewed, { codec, leaseMs: 20, cache: false });
    let finish = () => {};
    const told = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const call = slow.once(KEY, async () => {
      await told;
      return 'late';
    });
    // It waits for the lease to run out, and takes over.
    expect(await late.once(KEY, () => 'of the other owner')).toBe('of the other owner');
    isLost = true;
    finish();
    expect(await call).toBe('of the other owner');
    expect(slow.types()).toContain('leaseLost');
  });
});

it('the types of results are those of the codec inside', async () => {
  const keys = [FIRST];
  const shipped = async () => ({ at: new Date(0) });
  const json = createOnce({ store: memoryStore(), codec: encryptedCodec({ keys }) });
  const asText: { at: string } = await json(KEY, shipped);
  expect(asText).toEqual({ at: '1970-01-01T00:00:00.000Z' });
  const codec = encryptedCodec({ keys, codec: richCodec });
  const asDate: { at: Date } = await createOnce({ store: memoryStore(), codec })(KEY, shipped);
  expect(asDate).toEqual({ at: new Date(0) });
});

describe('the option plain', () => {
  const write = encryptedCodec({ keys: [FIRST], plain: 'write' });
  const read = encryptedCodec({ keys: [FIRST], plain: 'read' });
  const refuse = encryptedCodec({ keys: [FIRST] });
  const on = (store: Store, codec?: OnceOptions['codec']) =>
    createOnce({ store, cache: false, ...(codec && { codec }) } as OnceOptions);

  it('moves processes from plain results to encrypted ones, one after the other', async () => {
    const store = memoryStore();
    await on(store)('before', () => 1);
    // First every process learns to read encrypted results, and writes none.
    await on(store, write)('first', () => 2);
    expect((await storedResult(store, 'first')).codec).toBe('json');
    expect(await on(store)('first', never)).toBe(2);
    expect(await on(store, write)('before', never)).toBe(1);
    // Then they write encrypted ones, which those that are not restarted yet read.
    await on(store, read)('second', () => 3);
    expect((await storedResult(store, 'second')).codec).toBe('encrypted');
    expect(await on(store, write)('second', never)).toBe(3);
    expect(await on(store, read)('before', never)).toBe(1);
    // After `ttlMs` no plain result is left, and none is trusted.
    expect(await on(store, refuse)('second', never)).toBe(3);
    const error = await rejection(on(store, refuse)('before', never) as Promise<unknown>);
    expect(error.code).toBe('SAMEKEY_UNREADABLE');
  });

  it('does not read what another codec has written', async () => {
    const store = memoryStore();
    const payload = Buffer.from('x');
    await put(store, KEY, { state: 'done', codec: 'of another program', payload });
    expect((await rejection(on(store, read)(KEY, never) as Promise<unknown>)).message).toBe(
      'Cannot read the stored result of order-7: it was written by the codec "of another program", wanted that codec as the option',
    );
  });
});

describe('an encryption that fails', () => {
  const broken: EncryptedCodec<typeof jsonCodec> = {
    codec: jsonCodec,
    seal: () => Promise.reject(new Error('the key service is down')),
    open: (_, result) => result,
  };

  it.each([
    ['later', broken],
    [
      'at once',
      {
        ...broken,
        seal() {
          throw new Error('the key service is down');
        },
      } satisfies EncryptedCodec<typeof jsonCodec>,
    ],
  ])('%s stores nothing, and the caller has the value', async (_, codec) => {
    const store = memoryStore();
    const { once, types } = processOn(store, { codec });
    const error = await rejection(once(KEY, () => SECRET));
    expect(error).toMatchObject({
      code: 'SAMEKEY_UNSTORABLE',
      value: SECRET,
      message: `Cannot store the result of ${KEY}: it cannot be encrypted: the key service is down`,
    });
    expect(types()).toEqual(['failed']);
    expect((await store.read(KEY)).record).toBeUndefined();
    expect(await createOnce({ store })(KEY, () => 'the next')).toBe('the next');
  });
});

describe('encryptedCodec refuses', () => {
  const SECRET_KEY = base64(0x5a);
  const CASES: Record<string, readonly [options: unknown, message: string]> = {
    'no list': [
      { keys: FIRST },
      'Cannot use the options of encryptedCodec: keys is an object, wanted a list of { id, key }',
    ],
    'an empty list': [
      { keys: [] },
      'Cannot use the options of encryptedCodec: keys is empty, wanted at least one { id, key }',
    ],
    'a key of 31 bytes': [
      { keys: [FIRST, { id: 'b', key: Buffer.alloc(31, 0x5a).toString('base64') }] },
      'Cannot use the options of encryptedCodec: keys[1].key has 31 bytes, wanted 32 bytes, as a Uint8Array or as base64 text',
    ],
    'bytes that are too few': [
      { keys: [{ id: 'b', key: new Uint8Array(31) }] },
      'Cannot use the options of encryptedCodec: keys[0].key has 31 bytes, wanted 32 bytes, as a Uint8Array or as base64 text',
    ],
    'a key that is no base64': [
      { keys: [{ id: 'b', key: `${SECRET_KEY}!` }] },
      'Cannot use the options of encryptedCodec: keys[0].key is neither bytes nor base64 text, wanted 32 bytes, as a Uint8Array or as base64 text',
    ],
    'base64 that is cut': [
      { keys: [{ id: 'b', key: SECRET_KEY.slice(0, 41) }] },
      'Cannot use the options of encryptedCodec: keys[0].key is neither bytes nor base64 text, wanted 32 bytes, as a Uint8Array or as base64 text',
    ],
    'two equal ids': [
      { keys: [FIRST, SECOND, { ...SECOND, id: FIRST.id }] },
      'Cannot use the options of encryptedCodec: keys[2].id is that of keys[0], wanted another id for each key',
    ],
    'a key in the place of its id': [
      { keys: [{ id: SECRET_KEY, key: 'a' }] },
      'Cannot use the options of encryptedCodec: keys[0].id has 44 characters, wanted 1 to 32 letters, digits, ".", "_" and "-"',
    ],
    'a key without an id': [
      { keys: [{ key: SECRET_KEY }] },
      'Cannot use the options of encryptedCodec: keys[0].id is undefined, wanted 1 to 32 letters, digits, ".", "_" and "-"',
    ],
    'a codec around another encryption': [
      { keys: [FIRST], codec: encryptedCodec({ keys: [FIRST] }) },
      'Cannot use the options of encryptedCodec: codec is no codec, wanted { name, encode, decode }',
    ],
  };

  it.each(Object.entries(CASES))('%s', (_, [options, message]) => {
    let error: unknown;
    try {
      encryptedCodec(options as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT', message });
    expect(message).not.toContain(SECRET_KEY.slice(0, 8));
  });

  it('no key as a Buffer, as bytes, in either alphabet of base64, with or without padding', async () => {
    const bytes = Buffer.alloc(32, 0xfb);
    const result: StoredResult = { state: 'done', codec: 'json', payload: Buffer.from('1') };
    const sealed = await encryptedCodec({ keys: [{ id: 'a', key: bytes }] }).seal(KEY, result);
    const forms = [
      new Uint8Array(bytes),
      bytes.toString('base64'),
      bytes.toString('base64').replace('=', ''),
      bytes.toString('base64url'),
    ];
    for (const key of forms) {
      const opened = await encryptedCodec({ keys: [{ id: 'a', key }] }).open(KEY, sealed);
      expect(textOf(opened)).toBe('1');
    }
  });

  it('no change of the key after it was given', async () => {
    const key = new Uint8Array(32).fill(9);
    const codec = encryptedCodec({ keys: [{ id: 'a', key }] });
    key.fill(0);
    const result: StoredResult = { state: 'done', codec: 'json', payload: Buffer.from('1') };
    const same = encryptedCodec({ keys: [{ id: 'a', key: new Uint8Array(32).fill(9) }] });
    expect(textOf(await same.open(KEY, await codec.seal(KEY, result)))).toBe('1');
  });
});

it('a platform without any cryptography is refused when the codec is made', () => {
  vi.stubGlobal('crypto', undefined);
  try {
    expectThrown(() => withoutNodeCrypto(() => encryptedCodec({ keys: [FIRST] })), Error, {
      code: 'SAMEKEY_PLATFORM',
      message: /^Cannot encrypt results: .*, wanted one of them, such as a page with HTTPS$/,
    });
  } finally {
    vi.unstubAllGlobals();
  }
});
