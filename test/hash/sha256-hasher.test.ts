import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSha256, sha256, useEngine } from '../../src/index.js';
import { ENGINES, onEach, under, WITH_MIDSTATES } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { random, randomBytes } from '../runtime/random.js';
import { hexOf } from '../vectors/vectors.js';

const bytes = randomBytes(3, 300_000);
const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

/** More than there is room for in any engine's own memory. */
const MANY = 1000;

onEach(ENGINES, () => {
  it('gives the same digest however a message is split in three', () => {
    const message = bytes.subarray(0, 140);
    const expected = sha256Of(message);
    for (let i = 0; i <= message.length; i++) {
      for (let j = i; j <= message.length; j++) {
        const hasher = createSha256()
          .update(message.subarray(0, i))
          .update(message.subarray(i, j))
          .update(message.subarray(j));
        if (hexOf(hasher.digest()) !== expected) expect.unreachable(`split at ${i} and ${j}`);
      }
    }
  });

  it('gives the same digest when pieces end around chunks and blocks', () => {
    for (const first of [0, 1, 63, 64, 65, 65_535, 65_536, 65_537]) {
      for (const second of [0, 1, 64, 65_472, 65_536, 131_072, 131_073]) {
        const hasher = createSha256()
          .update(bytes.subarray(0, first))
          .update(bytes.subarray(first, first + second))
          .update('tail');
        const message = Buffer.concat([bytes.subarray(0, first + second), Buffer.from('tail')]);
        expect(hexOf(hasher.digest()), `${first} and ${second}`).toBe(sha256Of(message));
      }
    }
  });

  it('can digest repeatedly and be fed further', () => {
    const hasher = createSha256();
    for (let length = 0; length <= 200; length++) {
      const expected = sha256Of(bytes.subarray(0, length));
      expect(hexOf(hasher.digest())).toBe(expected);
      expect(hexOf(hasher.digest())).toBe(expected);
      hasher.update(bytes.subarray(length, length + 1));
    }
  });

  it('clones into hashers that go their own ways', () => {
    for (const length of [0, 1, 63, 64, 1000]) {
      const first = createSha256().update(bytes.subarray(0, length));
      const second = first.clone().update('second');
      const third = second.clone().update('third');
      first.update('first');
      const head = bytes.subarray(0, length);
      const of = (tail: string) => sha256Of(Buffer.concat([head, Buffer.from(tail)]));
      expect(hexOf(first.digest())).toBe(of('first'));
      expect(hexOf(second.digest())).toBe(of('second'));
      expect(hexOf(third.digest())).toBe(of('secondthird'));
    }
  });

  it(`keeps ${MANY} open hashers apart, fed in turn`, () => {
    const next = random(4);
    const open = Array.from({ length: MANY }, () => ({ hasher: createSha256(), length: 0 }));
    for (let round = 0; round < 6; round++) {
      for (const [i, each] of open.entries()) {
        // Hasher i reads its own part of the bytes, so that no two digests are alike.
        const end = each.length + Math.floor(next() * 150);
        each.hasher.update(bytes.subarray(i * 100 + each.length, i * 100 + end));
        each.length = end;
        if ((i + round) % 97 === 0) each.hasher = each.hasher.clone();
        if ((i + round) % 89 === 0) each.hasher.digest();
      }
    }
    for (const [i, { hasher, length }] of open.entries()) {
      expect(hexOf(hasher.digest())).toBe(sha256Of(bytes.subarray(i * 100, i * 100 + length)));
    }
  });

  it('keeps an open hasher apart from digests taken meanwhile', () => {
    const hasher = createSha256().update(bytes.subarray(0, 100));
    const whole = sha256(bytes);
    hasher.update(bytes.subarray(100, 70_000));
    expect(sha256(bytes)).toEqual(whole);
    expect(hexOf(hasher.digest())).toBe(sha256Of(bytes.subarray(0, 70_000)));
  });

  it('rejects invalid content and stays unchanged', () => {
    const hasher = createSha256().update('a');
    for (const bad of [undefined, null, 1, {}, [97]]) {
      expectThrown(() => hasher.update(bad as never), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
    expectThrown(() => hasher.update('\ud800'), TypeError, { code: 'SAMEKEY_LONE_SURROGATE' });
    expect(hasher.digest()).toEqual(sha256('a'));
  });

  it('stays on its engine when another is chosen', () => {
    const hasher = createSha256().update('a');
    under('js', () => hasher.update('b'));
    const copy = under('js', () => hasher.clone());
    expect(copy.update('c').digest()).toEqual(sha256('abc'));
    expect(hasher.digest()).toEqual(sha256('ab'));
  });
});

describe('a saved state', () => {
  it('is the same from every engine, and every engine continues from it', () => {
    for (let length = 0; length <= 200; length += 7) {
      const states = WITH_MIDSTATES.map((engine) =>
        under(engine, () => createSha256().update(bytes.subarray(0, length)).save()),
      );
      for (const state of states) expect(state).toEqual(states[0]);
      for (const engine of WITH_MIDSTATES) {
        const resumed = under(engine, () =>
          createSha256()
            .restore(states[0] as Uint8Array)
            .update(bytes.subarray(length, 500))
            .digest(),
        );
        expect(hexOf(resumed)).toBe(sha256Of(bytes.subarray(0, 500)));
      }
    }
  });

  it('is a copy: neither side changes the other', () => {
    for (const engine of WITH_MIDSTATES) {
      under(engine, () => {
        const hasher = createSha256().update('abc');
        const state = hasher.save();
        const restored = createSha256().restore(state);
        state.fill(0xff);
        expect(restored.digest()).toEqual(sha256('abc'));
        expect(hasher.digest()).toEqual(sha256('abc'));
        expect(restored.save()).toEqual(hasher.save());
      });
    }
  });

  it('survives being moved out by other hashers', () => {
    const hasher = createSha256().update('abc');
    const others = Array.from({ length: MANY }, () => createSha256().update('x'));
    const state = hasher.save();
    expect(createSha256().restore(state).digest()).toEqual(sha256('abc'));
    expect(hasher.update('d').digest()).toEqual(sha256('abcd'));
    expect(others.every((other) => hexOf(other.digest()) === hexOf(sha256('x')))).toBe(true);
  });

  it('can be a view into something larger', () => {
    const state = createSha256().update('abc').save();
    const larger = new Uint8Array(state.length + 20);
    larger.set(state, 13);
    const view = larger.subarray(13, 13 + state.length);
    for (const engine of WITH_MIDSTATES) {
      expect(under(engine, () => createSha256().restore(view).digest())).toEqual(sha256('abc'));
    }
  });

  it('is what node:crypto does not give', () => {
    useEngine('native');
    try {
      const noMidstate = { code: 'SAMEKEY_NO_MIDSTATE' } as const;
      const hasher = createSha256().update('abc');
      const state = under('js', () => createSha256().update('x').save());
      useEngine('native');
      expectThrown(() => hasher.save(), TypeError, noMidstate);
      expectThrown(() => hasher.restore(state), TypeError, noMidstate);
      expect(hasher.digest()).toEqual(sha256('abc'));
    } finally {
      useEngine('auto');
    }
  });
});

onEach(WITH_MIDSTATES, () => {
  const state = (length: bigint, byteCount: number) => {
    const saved = new Uint8Array(byteCount);
    if (byteCount >= 40) new DataView(saved.buffer).setBigUint64(32, length);
    return saved;
  };

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a digest', new Uint8Array(32)],
    ['a header cut short', new Uint8Array(39)],
    ['a pending byte too few', state(65n, 40)],
    ['a pending byte too many', state(64n, 41)],
    ['more than a block pending', state(64n, 104)],
    ['a length beyond 2^53 - 1', state(2n ** 53n, 40)],
    ['the longest length that fits the bytes', state(2n ** 64n - 64n, 40)],
  ])('refuses to restore %s', (_, saved) => {
    const hasher = createSha256().update('abc');
    expectThrown(() => hasher.restore(saved), RangeError, { code: 'SAMEKEY_BAD_STATE' });
    expect(hasher.digest()).toEqual(sha256('abc'));
  });

  it('rejects a state that is not a Uint8Array', () => {
    for (const bad of [
      undefined,
      null,
      'text',
      [1],
      new ArrayBuffer(40),
      new DataView(new ArrayBuffer(40)),
    ]) {
      expectThrown(() => createSha256().restore(bad as never), TypeError, {
        code: 'SAMEKEY_BAD_ARGUMENT',
      });
    }
  });
});
