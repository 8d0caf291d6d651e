import { describe, expect, it } from 'vitest';
import { inModule, isAccepted } from './spelling.js';

/** Bytes that are not UTF-8, and the same number of bytes that are. */
const PAIRS: [number[], string][] = [
  [[0x80], 'a'],
  [[0xff], 'a'],
  [[0xc3, 0x61], 'é'],
  [[0xc1, 0xbf], 'é'],
  [[0xe6, 0x9d, 0x61], '東'],
  [[0xed, 0xa0, 0x80], '東'],
  [[0xf0, 0x9f, 0xa7, 0x22], '🧳'],
  [[0xf4, 0x90, 0x80, 0x80], '🧳'],
];

/** The rest of a document is checked in one pass from its first byte beyond ASCII on. */
describe('UTF-8 behind the first character beyond ASCII', () => {
  const around = (middle: Uint8Array, before: number, after: string) =>
    Buffer.concat([Buffer.from(`["é\\n","${'b'.repeat(before)}`), middle, Buffer.from(after)]);
  const ends = ['"]', '","\\u00e9","c"]', `${'東'.repeat(40)}\\/"]`, `","${'x'.repeat(70)}"] `];

  it('is checked at every distance from it', () => {
    for (let before = 0; before < 140; before++) {
      for (const [bad, good] of PAIRS) {
        for (const end of ends) {
          expect(inModule(around(Uint8Array.from(bad), before, end))).toBeUndefined();
          expect(inModule(around(Buffer.from(good), before, end))).toBeDefined();
        }
      }
    }
  });

  it('is checked in names, between values and at the end', () => {
    for (const [bad, good] of PAIRS) {
      for (const fill of ['', 'x'.repeat(15), 'x'.repeat(64), '東'.repeat(21)]) {
        for (const [head, tail] of [
          [`{"é":"${fill}","`, '":1}'],
          [`{"é":"${fill}"`, ',"a":1}'],
          [`{"é":"${fill}","a":1}`, ''],
          [`{"é":"${fill}","a":"`, ''],
        ]) {
          for (const middle of [Uint8Array.from(bad), Buffer.from(good)]) {
            const text = Buffer.concat([
              Buffer.from(head as string),
              middle,
              Buffer.from(tail as string),
            ]);
            expect(inModule(text) !== undefined).toBe(isAccepted(text));
          }
        }
      }
    }
  });

  it('is not affected by the document before', () => {
    for (let length = 0; length < 200; length++) {
      // Leaves bytes that would continue a character behind the end of the next text.
      inModule(Buffer.from(`"${'東'.repeat(200)}"`));
      const text = `"é${'x'.repeat(length)}"`;
      expect(inModule(Buffer.from(text))).toBe(text);
      expect(inModule(Buffer.from(`${text.slice(0, -1)}東"`).subarray(0, -2))).toBeUndefined();
    }
  });
});
