import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { type Codec, createOnce } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but } from './scene.js';

const FIRST = keyOf('first');
const SECOND = keyOf('second');

/** A codec of text that writes every result into the same memory. */
function reusingCodec(): Codec & { readonly memory: Uint8Array } {
  const memory = new Uint8Array(64);
  return {
    name: 'reusing',
    memory,
    encode(value) {
      const { written } = new TextEncoder().encodeInto(String(value), memory);
      return memory.subarray(0, written);
    },
    decode: (payload) => new TextDecoder().decode(payload),
  };
}

describe('a codec that reuses the memory of its last result', () => {
  it('does not change a result that is in the cache', async () => {
    const codec = reusingCodec();
    const once = createOnce({ store: memoryStore(), codec });
    expect(await once(FIRST, () => 'one')).toBe('one');
    expect(await once(SECOND, () => 'two')).toBe('two');
    codec.memory.fill(0x78);
    const again = await once.detailed(FIRST, () => 'run again');
    expect(again).toMatchObject({ outcome: 'replayed', value: 'one' });
  });

  it('does not change a result before a store has copied it', async () => {
    const codec = reusingCodec();
    const store = memoryStore();
    // As a store that sends the payload later.
    const slow = but(store, {
      async complete(...all: Parameters<typeof store.complete>) {
        codec.memory.fill(0x78);
        return store.complete(...all);
      },
    });
    await createOnce({ store: slow, codec, cache: false })(FIRST, () => 'one');
    expect(await createOnce({ store, codec })(FIRST, () => 'run again')).toBe('one');
  });
});

describe('a codec that writes into the bytes it decodes', () => {
  it('does not change the result for later callers', async () => {
    const codec: Codec = {
      name: 'writing',
      encode: (value) => new TextEncoder().encode(String(value)),
      decode(payload) {
        const text = new TextDecoder().decode(payload);
        payload.fill(0x78);
        return text;
      },
    };
    const once = createOnce({ store: memoryStore(), codec });
    await once(FIRST, () => 'one');
    for (let caller = 0; caller < 3; caller++) {
      const again = await once.detailed(FIRST, () => 'run again');
      expect(again).toMatchObject({ outcome: 'replayed', value: 'one' });
    }
  });
});
