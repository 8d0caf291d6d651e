import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAutoEngine } from '../../src/engine/auto.js';
import type { Engine } from '../../src/engine/engine.js';
import { loadEngine } from '../../src/engine/load.js';
import { randomBytes } from '../runtime/random.js';

const bytes = randomBytes(41, 1000);
const wasm = loadEngine('wasm') as Engine;
const native = loadEngine('native') as Engine;

/** More short contents than it takes to load the large engine and to time it. */
const CALLS = 40_000;

afterEach(() => vi.unstubAllGlobals());

/** The engine, each call of which takes `times` as long. */
function slowed(engine: Engine, times: number): Engine {
  return {
    ...engine,
    sha256Hex(content, start, end, prefix) {
      for (let i = 1; i < times; i++) engine.sha256Hex(content, start, end, prefix);
      return engine.sha256Hex(content, start, end, prefix);
    },
  };
}

/** Runs `auto` past its choice. Returns which engine it takes for a content of each length. */
function choiceOf(small: Engine, large: Engine, lengths: readonly number[]): string[] {
  const calls: string[] = [];
  const watched = (engine: Engine, name: string): Engine => ({
    ...engine,
    sha256Hex(...args) {
      calls.push(name);
      return engine.sha256Hex(...args);
    },
  });
  const auto = createAutoEngine(watched(small, 'small'), () => watched(large, 'large'));
  for (let i = 0; i < CALLS; i++) auto.sha256Hex(bytes, 0, 20, '');
  return lengths.map((length) => {
    calls.length = 0;
    auto.sha256Hex(bytes, 0, length, '');
    return calls.join();
  });
}

describe('auto', () => {
  it('gives right digests before, while and after it chooses', () => {
    const auto = createAutoEngine(wasm, () => native);
    const lengths = Array.from({ length: 321 }, (_, length) => length);
    const texts = ['a', 'é', '東', '🧳'].flatMap((char) =>
      lengths.slice(0, 160).map((length) => `${length}${char.repeat(length)}`),
    );
    const keys = (content: string | Uint8Array) =>
      `ik_${createHash('sha256').update(content).digest('hex')}`;
    const ofViews = lengths.map((length) => keys(bytes.subarray(0, length)));
    const ofTexts = texts.map(keys);
    for (let round = 0; round < 20; round++) {
      expect(lengths.map((length) => auto.sha256Hex(bytes, 0, length, 'ik_'))).toEqual(ofViews);
      expect(texts.map((text) => auto.sha256HexOfText(text, 'ik_'))).toEqual(ofTexts);
      expect(
        lengths.map((length) => `ik_${Buffer.from(auto.sha256(bytes, 0, length)).toString('hex')}`),
      ).toEqual(ofViews);
    }
  });

  it('takes the engine that is faster here, at every length', () => {
    const lengths = [0, 20, 55, 56, 119, 120, 247];
    expect(choiceOf(wasm, slowed(wasm, 50), lengths)).toEqual(lengths.map(() => 'small'));
    expect(choiceOf(slowed(wasm, 50), wasm, lengths)).toEqual(lengths.map(() => 'large'));
  });

  it.each([
    ['stands still', { now: () => 7 }],
    ['is missing', undefined],
  ])('takes the platform from the second block on if the clock %s', (_, performance) => {
    vi.stubGlobal('performance', performance);
    expect(choiceOf(slowed(wasm, 5), wasm, [0, 55, 56, 247])).toEqual([
      'small',
      'small',
      'large',
      'large',
    ]);
  });

  it('stays with one engine if there is no other', () => {
    const names = new Set<string>();
    let loads = 0;
    const counted: Engine = {
      ...wasm,
      sha256Hex(...args) {
        names.add('small');
        return wasm.sha256Hex(...args);
      },
    };
    const auto = createAutoEngine(counted, () => {
      loads++;
      return counted;
    });
    for (let i = 0; i < CALLS; i++) auto.sha256Hex(bytes, 0, i % 1000, '');
    expect([loads, [...names]]).toEqual([1, ['small']]);
  });

  it('does not load the platform for a few contents', () => {
    const auto = createAutoEngine(wasm, () => expect.unreachable());
    for (let i = 0; i < 200; i++) auto.sha256Hex(bytes, 0, 1000, '');
    for (let i = 0; i < 1000; i++) auto.sha256HexOfText('short', '');
  });
});
