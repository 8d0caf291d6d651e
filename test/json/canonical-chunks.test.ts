import { expect, it } from 'vitest';
import { canonicalBytes, canonicalize, keyOf, sha256Hex } from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { referenceJson } from './reference-json.js';

/** The writer empties its memory whenever 64 KiB are full; strings go in by pieces. */
const CHUNK = 0x10000;

/** Characters to put at the end of a piece: escapes of every length, characters of every width. */
const AT_THE_END = ['a', '"', '\\', '\n', '\u0001', 'é', '東', '\ufeff', '\uffff', '🧳'];

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Lengths around which strings are written in another way, or cut into pieces. */
const LENGTHS = [...range(40, 60), ...range(8190, 8200), ...range(65530, 65540)];

function check(value: unknown, what: string): void {
  const expected = referenceJson(value);
  if (canonicalize(value) !== expected) expect.unreachable(what);
  if (keyOf(value) !== sha256Hex(expected)) expect.unreachable(`${what}, the key`);
}

onEach(CANONICALIZERS, () => {
  it.each(AT_THE_END.map((char) => [JSON.stringify(char), char] as const))(
    'cuts strings well around %s',
    (_, char) => {
      for (const length of LENGTHS) {
        const what = `${length} units`;
        check('x'.repeat(length - char.length) + char, `${what}, at the end`);
        check(`${'x'.repeat(length - 2)}${char}yz`, `${what}, over the end`);
        check({ [`${'x'.repeat(length)}${char}`]: char }, `${what}, as a name`);
      }
      // All of the same: pieces end inside escapes or characters if anything does.
      for (const length of [48, 49, 8191, 8192, 8193, 21845, 21846, 65535, 65536, 65537]) {
        check(char.repeat(length), `${length} times`);
        check(`x${char.repeat(length)}`, `${length} times, after one more`);
      }
    },
  );

  it('empties full chunks at any position', () => {
    const tails = ['short', 'é', '"quoted"', 'x'.repeat(100), '🧳'.repeat(30), '\u0001'.repeat(60)];
    for (let filled = CHUNK - 140; filled <= CHUNK + 4; filled++) {
      for (const tail of tails) check(['x'.repeat(filled), tail, { [tail]: tail }], `${filled}`);
    }
  });

  it('empties full chunks before numbers, literals and containers', () => {
    const tails = [1.5e-300, null, true, [], {}, [[1]], { a: {} }, range(1, 12).map((n) => n / 7)];
    for (let filled = CHUNK - 40; filled <= CHUNK + 4; filled++) {
      check(['x'.repeat(filled), ...tails], `${filled}`);
    }
  });

  it('keeps a byte order mark that stands where a chunk begins', () => {
    check('\ufeff'.repeat(3 * CHUNK), 'one long string');
    for (let before = 0; before < 4; before++) {
      check(['x'.repeat(before), '\ufeff'.repeat(CHUNK)], `after ${before}`);
    }
    check(new Array(20_000).fill('\ufefftext'), 'many short strings');
    check(Object.fromEntries(range(1, 9000).map((n) => [`\ufeff${n}`, '\ufeff'])), 'names');
    const bytes = canonicalBytes('\ufeff'.repeat(CHUNK));
    expect(bytes.length).toBe(3 * CHUNK + 2);
  });

  it('writes documents of many chunks', () => {
    const turn = (i: number) => ({
      role: i % 2 ? 'user' : 'assistant',
      content: `${i} "Grüezi" 東京 🧳 ${'\n'.repeat(i % 50)}`.repeat(1 + (i % 40)),
      tokens: range(0, i % 30).map((n) => n / 3),
    });
    const document = { messages: range(1, 800).map(turn), model: 'm' };
    expect(JSON.stringify(document).length).toBeGreaterThan(8 * CHUNK);
    check(document, 'a long conversation');
    const wide = Object.fromEntries(range(1, 20_000).map((n) => [`${(n * 7919) % 20_011}`, n]));
    check(wide, 'a wide object');
  });

  it('puts scopes of any length before a document of any length', () => {
    for (const scopeLength of [1, 4095, 4096, 5000, 70_000]) {
      const scope = 's'.repeat(scopeLength);
      for (const textLength of [1, CHUNK - 5000, CHUNK, 2 * CHUNK]) {
        const value = ['x'.repeat(textLength)];
        const framed = `${scope}\0${referenceJson(value)}`;
        expect(keyOf(value, { scope })).toBe(sha256Hex(framed));
        expect(keyOf(value, { scope, secret: 'k' })).toBe(sha256Hex(framed, { secret: 'k' }));
      }
    }
  });
});
