import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createSha256, keyOfStream, sha256Batch, sha256Hex } from '../../src/index.js';
import { ENGINES, onEach, WITH_MIDSTATES } from '../engine/engines.js';
import { settle } from '../key/streams.js';
import { random, randomBytes } from '../runtime/random.js';
import { hexOf } from '../vectors/vectors.js';

const bytes = randomBytes(31, 700_000);
const STREAMS = 64;

/** The content of stream `i`: all different, with lengths that end anywhere in a block. */
const contentOf = (i: number) => bytes.subarray(i * 1000, i * 1000 + 20_000 + i * 9973);

/** Pieces of random length, small ones and empty ones among them. */
function* piecesOf(content: Uint8Array, seed: number): Generator<Uint8Array> {
  const next = random(seed);
  for (let at = 0; at < content.length; ) {
    const length = Math.floor(next() ** 3 * 150_000 - 2);
    const piece = content.subarray(at, at + Math.max(0, length));
    yield piece;
    at += piece.length;
  }
}

async function* inTurns(content: Uint8Array, seed: number, turns: number) {
  for (const piece of piecesOf(content, seed)) {
    for (let i = 0; i < turns; i++) await new Promise(setImmediate);
    yield piece;
  }
}

onEach(ENGINES, () => {
  const contents = Array.from({ length: STREAMS }, (_, i) => contentOf(i));
  const expected = contents.map((content) => sha256Hex(content));

  it('digests a piece even if the producer overwrites it during other streams', async () => {
    const piece = randomBytes(5, 300_000);
    const expected = sha256Hex(piece);
    const key = keyOfStream([piece]);
    for (let i = 0; i < 4; i++) await null;
    piece.fill(9);
    expect(await key).toBe(expected);
  });

  it(`gives ${STREAMS} streams that are read at the same time their keys`, async () => {
    const streams = contents.map((content, i) => {
      switch (i % 5) {
        case 0:
          return piecesOf(content, i);
        case 1:
          return Readable.from(piecesOf(content, i));
        case 2:
          return new Blob([content.slice()]);
        case 3:
          return inTurns(content, i, i % 3);
        default:
          return [content];
      }
    });
    expect(await Promise.all(streams.map((stream) => keyOfStream(stream)))).toEqual(expected);
  });

  it('takes options for each', async () => {
    const options = [{}, { bits: 128 }, { secret: 's' }, { secret: 't', bits: 128 }] as const;
    const keys = await Promise.all(
      contents.map((content, i) => keyOfStream(piecesOf(content, i), options[i % 4] ?? {})),
    );
    expect(keys).toEqual(contents.map((content, i) => sha256Hex(content, options[i % 4])));
  });

  it('does not let one that fails, or never ends, harm the others', async () => {
    const failure = new Error('the connection was reset');
    async function* failing(content: Uint8Array) {
      yield content.subarray(0, 100_000);
      throw failure;
    }
    async function* stuck(content: Uint8Array) {
      yield content.subarray(0, 70_001);
      await new Promise(() => {});
    }
    let settled = 0;
    const streams = contents.map((content, i) => {
      if (i % 16 === 5) return keyOfStream(failing(content));
      if (i % 16 === 6) return keyOfStream(stuck(content)).finally(() => settled++);
      return keyOfStream(inTurns(content, i, i % 2));
    });
    const outcomes = await Promise.allSettled(streams.filter((_, i) => i % 16 !== 6));
    const wanted = expected
      .map((value, i) =>
        i % 16 === 5 ? { status: 'rejected', reason: failure } : { status: 'fulfilled', value },
      )
      .filter((_, i) => i % 16 !== 6);
    expect(outcomes).toEqual(wanted);
    await settle();
    expect(settled).toBe(0);
  });

  it('asks no stream for more before its last piece was taken', async () => {
    // Each stream reuses its buffer: a piece that is looked at later is seen to have changed.
    async function* reusing(i: number) {
      const piece = new Uint8Array(3000 + i);
      for (let n = 0; n < 60; n++) {
        yield piece.fill(n * i);
        piece.fill(0xff);
      }
    }
    const whole = (i: number) =>
      Buffer.concat(Array.from({ length: 60 }, (_, n) => new Uint8Array(3000 + i).fill(n * i)));
    const indexes = Array.from({ length: 20 }, (_, i) => i);
    expect(await Promise.all(indexes.map((i) => keyOfStream(reusing(i))))).toEqual(
      indexes.map((i) => sha256Hex(whole(i))),
    );
  });
});

describe('hashers that are fed in turn', () => {
  const sha256Of = (pieces: readonly Uint8Array[]) => {
    const hash = createHash('sha256');
    for (const piece of pieces) hash.update(piece);
    return hash.digest('hex');
  };

  onEach(WITH_MIDSTATES, () => {
    it.each([2, 5, 64, 300])('stay apart, %i of them, and may be asked at any time', (count) => {
      const next = random(count);
      const open = Array.from({ length: count }, () => ({
        hasher: createSha256(),
        fed: [] as Uint8Array[],
      }));
      const buffer = new Uint8Array(200_000);
      for (let step = 0; step < 1500; step++) {
        const one = open[Math.floor(next() * count)] as (typeof open)[number];
        const from = Math.floor(next() * 500_000);
        const piece = bytes.subarray(from, from + Math.floor(next() ** 8 * 200_000));
        // After `update` returns, the caller may reuse its buffer.
        buffer.set(piece);
        one.hasher.update(buffer.subarray(0, piece.length));
        buffer.fill(step, 0, piece.length);
        one.fed.push(piece);
        const what = next();
        if (what < 0.02) expect(hexOf(one.hasher.digest())).toBe(sha256Of(one.fed));
        else if (what < 0.04) one.hasher = one.hasher.clone();
        else if (what < 0.06) one.hasher = createSha256().restore(one.hasher.save());
        else if (what < 0.07) expect(sha256Batch([piece]).map(hexOf)).toEqual([sha256Of([piece])]);
      }
      for (const { hasher, fed } of open) expect(hexOf(hasher.digest())).toBe(sha256Of(fed));
    });

    it('stay apart when one is fed much more than the others', () => {
      const [fast, slow, never] = [createSha256(), createSha256(), createSha256()];
      slow.update(bytes.subarray(0, 1000));
      never.update('never asked');
      for (let i = 0; i < 30; i++) fast.update(bytes.subarray(i, 100_000 + i));
      slow.update('').update(bytes.subarray(1000, 1001));
      expect(hexOf(slow.digest())).toBe(sha256Of([bytes.subarray(0, 1001)]));
      const fed = Array.from({ length: 30 }, (_, i) => bytes.subarray(i, 100_000 + i));
      expect(hexOf(fast.digest())).toBe(sha256Of(fed));
    });

    it('take empty pieces', () => {
      const [a, b] = [createSha256(), createSha256()];
      for (const hasher of [a, b, a])
        hasher
          .update('')
          .update(hasher === a ? 'a' : 'b')
          .update('');
      expect(hexOf(a.digest())).toBe(sha256Of([Buffer.from('aa')]));
      expect(hexOf(b.digest())).toBe(sha256Of([Buffer.from('b')]));
    });
  });
});
