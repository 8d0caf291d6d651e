import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { beforeAll, describe, expect, it } from 'vitest';
import { random, randomBytes } from '../runtime/random.js';

/** The debug build, with its assertions. */
interface Kernels extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  readonly INPUT: WebAssembly.Global;
  readonly JOBS: WebAssembly.Global;
  readonly LENGTHS: WebAssembly.Global;
  readonly DIGESTS: WebAssembly.Global;
  readonly ARENA: WebAssembly.Global;
  readonly PACKED: WebAssembly.Global;
  readonly DIGEST: WebAssembly.Global;
  readonly SLOT_COUNT: WebAssembly.Global;
  digestBatch(messageCount: number): void;
  batchHex(messageCount: number, prefixBytes: number): void;
  hasherOpen(slot: number): void;
  hasherDigest(slot: number): void;
  hashersUpdate(jobCount: number): void;
}

let kernels: Kernels;
let memory: Uint8Array;
const at = (name: 'INPUT' | 'JOBS' | 'LENGTHS' | 'DIGESTS' | 'ARENA' | 'PACKED' | 'DIGEST') =>
  Number(kernels[name].value);

beforeAll(() => {
  const module = readFileSync(new URL('../../build/core-debug.wasm', import.meta.url));
  kernels = instantiateSync<Kernels>(module).exports;
  memory = new Uint8Array(kernels.memory.buffer);
});

const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

/**
 * Messages of these lengths, all with different beginnings, so that a digest in a wrong place
 * shows.
 */
function messagesOf(lengths: readonly number[]): Uint8Array[] {
  const bytes = randomBytes(lengths.length, Math.max(0, ...lengths) + 4 * lengths.length);
  return lengths.map((length, i) => bytes.subarray(4 * i, 4 * i + length));
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const next = random(seed);
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** The digests of a batch, in hexadecimal. */
function digestsOf(messages: readonly Uint8Array[]): string[] {
  // The remains of the previous batch must not matter.
  memory.fill(0xa5, at('DIGESTS'), at('DIGESTS') + 512 * 32);
  memory.fill(0xa5, at('ARENA'), at('PACKED'));
  let end = at('PACKED');
  const lengths = new Uint32Array(memory.buffer, at('LENGTHS'), messages.length);
  for (const [i, message] of messages.entries()) {
    memory.set(message, end);
    lengths[i] = message.length;
    end += message.length;
  }
  memory.fill(0xa5, end, end + 64);
  kernels.digestBatch(messages.length);
  return messages.map((_, i) =>
    Buffer.from(memory.slice(at('DIGESTS') + 32 * i, at('DIGESTS') + 32 * i + 32)).toString('hex'),
  );
}

describe('a batch', () => {
  for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 8, 31, 512]) {
    it(`of ${count} unequal messages gives each its own digest, in any order`, () => {
      const messages = messagesOf(Array.from({ length: count }, (_, i) => 8 + ((i * 37) % 150)));
      expect(new Set(messages.map(sha256)).size).toBe(count);
      for (let seed = 0; seed < 8; seed++) {
        const order = shuffled(messages, seed);
        expect(digestsOf(order)).toEqual(order.map(sha256));
      }
    });
  }

  it('of four takes every permutation of lanes', () => {
    const messages = messagesOf([5, 70, 130, 300]);
    for (const a of messages) {
      for (const b of messages.filter((each) => each !== a)) {
        for (const c of messages.filter((each) => each !== a && each !== b)) {
          const order = [a, b, c, ...messages.filter((each) => ![a, b, c].includes(each))];
          expect(digestsOf(order)).toEqual(order.map(sha256));
        }
      }
    }
  });

  it('of messages of equal length, and of equal messages, is right in every lane', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 119, 120, 128]) {
      const messages = messagesOf([length, length, length, length, length]);
      expect(digestsOf(messages)).toEqual(messages.map(sha256));
      const equal = messages.map(() => messages[0] as Uint8Array);
      expect(digestsOf(equal)).toEqual(equal.map(sha256));
    }
  });

  it('of every length from 0 to 320, mixed, is right', () => {
    const messages = messagesOf(
      shuffled(
        Array.from({ length: 321 }, (_, i) => i),
        1,
      ),
    );
    expect(digestsOf(messages)).toEqual(messages.map(sha256));
  });

  it('of every length from 0 to 320 is right in every lane, beside other lengths', () => {
    for (let length = 0; length <= 320; length++) {
      const others = [37, 101, 211].map((step) => (length + step) % 321);
      const messages = messagesOf([length, ...others]);
      for (let lane = 0; lane < 4; lane++) {
        const order = [...messages.slice(lane), ...messages.slice(0, lane)];
        expect(digestsOf(order), `${length} bytes`).toEqual(order.map(sha256));
      }
    }
  });

  it('of lengths around every block boundary up to 32 blocks is right', () => {
    for (let blockCount = 1; blockCount <= 32; blockCount++) {
      const lengths = [-9, -8, -1, 0, 1].map((around) => 64 * blockCount + around);
      const messages = messagesOf(lengths);
      expect(digestsOf(messages), `${blockCount} blocks`).toEqual(messages.map(sha256));
    }
  });

  it('in which one message outlasts all others is right wherever it stands', () => {
    for (let place = 0; place < 9; place++) {
      const lengths = Array.from({ length: 9 }, (_, i) => (i === place ? 20_000 : 10 * i));
      const messages = messagesOf(lengths);
      expect(digestsOf(messages)).toEqual(messages.map(sha256));
    }
  });

  it('has its digests written as text, each behind the prefix', () => {
    const messages = messagesOf(Array.from({ length: 512 }, (_, i) => i % 90));
    for (const prefix of ['', 'ik_', 'sixteen-letters_']) {
      const digests = digestsOf(messages);
      memory.set(Buffer.from(prefix), at('INPUT'));
      kernels.batchHex(messages.length, prefix.length);
      const width = prefix.length + 64;
      const text = Buffer.from(memory.slice(at('ARENA'), at('ARENA') + 512 * width)).toString();
      expect(text).toBe(digests.map((digest) => prefix + digest).join(''));
    }
  });
});

describe('many hashers', () => {
  /** Feeds pieces to slots in one call, and returns the digest of each slot. */
  function feed(pieces: readonly (readonly [slot: number, bytes: Uint8Array])[]) {
    const jobs = new Uint32Array(memory.buffer, at('JOBS'), 3 * pieces.length);
    let ptr = at('ARENA');
    for (const [i, [slot, bytes]] of pieces.entries()) {
      memory.set(bytes, ptr);
      jobs.set([ptr, bytes.length, slot], 3 * i);
      ptr += bytes.length;
    }
    kernels.hashersUpdate(pieces.length);
  }
  const digestOf = (slot: number) => {
    kernels.hasherDigest(slot);
    return Buffer.from(memory.slice(at('DIGEST'), at('DIGEST') + 32)).toString('hex');
  };

  it.each([1, 2, 3, 4, 5, 31, 122])('of which %i are fed at once stay apart', (count) => {
    const next = random(count);
    expect(count).toBeLessThanOrEqual(Number(kernels.SLOT_COUNT.value));
    const fed = Array.from({ length: count }, () => [] as Uint8Array[]);
    for (let slot = 0; slot < count; slot++) kernels.hasherOpen(slot);
    for (let round = 0; round < 12; round++) {
      const slots = shuffled([...fed.keys()], round).filter(() => next() < 0.8);
      const pieces = messagesOf(slots.map(() => Math.floor(next() ** 3 * 700)));
      feed(slots.map((slot, i) => [slot, pieces[i] as Uint8Array]));
      for (const [i, slot] of slots.entries()) fed[slot]?.push(pieces[i] as Uint8Array);
    }
    for (const [slot, pieces] of fed.entries()) {
      expect(digestOf(slot), `slot ${slot}`).toBe(sha256(Buffer.concat(pieces)));
    }
  });

  it('accept pieces that end around blocks, with any number of pending bytes', () => {
    const lengths = [0, 1, 63, 64, 65, 127, 128, 129];
    for (const first of lengths) {
      for (let slot = 0; slot < lengths.length; slot++) kernels.hasherOpen(slot);
      const heads = messagesOf(lengths.map(() => first));
      const tails = messagesOf(lengths);
      feed(heads.map((bytes, slot) => [slot, bytes]));
      feed(tails.map((bytes, slot) => [slot, bytes]));
      for (const slot of lengths.keys()) {
        const message = Buffer.concat([heads[slot] as Uint8Array, tails[slot] as Uint8Array]);
        expect(digestOf(slot)).toBe(sha256(message));
      }
    }
  });
});
