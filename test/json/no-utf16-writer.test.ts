import { describe, expect, it, vi } from 'vitest';

// Browsers and edge runtimes have no such method, so strings are encoded as UTF-8 there. It is
// taken away before samekey looks for it.
vi.hoisted(() => {
  Object.defineProperty(Buffer.prototype, 'ucs2Write', { value: undefined });
});

import { writeUtf16 } from '../../src/engine/utf8.js';
import { canonicalize } from '../../src/index.js';
import { deep } from '../depth.js';
import { referenceJson } from './reference-json.js';
import { fuzzShapes } from './walk-fuzz.js';

describe('without a platform that writes UTF-16', () => {
  it('a value gives the text, the keys and the error of the plain walk', () => {
    fuzzShapes(16_100, deep(2000, 20_000), ['wasm', 'auto']);
    expect(writeUtf16).toBeUndefined();
  }, 600_000);

  it('strings of any width are woven in at their places', () => {
    for (const character of ['a', '"', '\u00e9', '\u6771', '\u{1f9f3}']) {
      for (let length = 15; length < 80; length++) {
        const text = 'x'.repeat(length % 17) + character.repeat(length) + 'y'.repeat(length % 19);
        const value = {
          z: text,
          a: [text, 1, `${text}"`],
          list: [{ text }, { text: `\n${text}` }],
        };
        expect(canonicalize(value)).toBe(referenceJson(value));
      }
    }
  });
});
