import { createHash, createHmac } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import {
  createSha256,
  keyOf,
  NAMESPACE_DNS,
  scoped,
  sha1,
  sha256,
  sha256Hex,
  useEngine,
  uuidv5,
} from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';
import { random } from '../runtime/random.js';
import { hexOf } from '../vectors/vectors.js';
import { ENGINES, onEach } from './engines.js';

/** A character of each width that strings and UTF-8 have. */
const WIDTHS = { ASCII: 'a', 'Latin-1': 'é', 'two bytes': '東', astral: '🧳' };

/** UTF-16 code units at which an engine may cut: 64 KiB over 3, 2 and 1 bytes a unit. */
const BORDERS = [16, 21, 32, 48, 64, 21840, 21845, 32768, 65536];

function check(text: string): void {
  const what = `${text.length} code units, ${JSON.stringify(text.slice(0, 6))}…`;
  const expected = createHash('sha256').update(text, 'utf8').digest('hex');
  expect(sha256Hex(text), what).toBe(`ik_${expected}`);
  expect(hexOf(sha256(text)), what).toBe(expected);
  expect(hexOf(createSha256().update(text).digest()), what).toBe(expected);
  const sha1Hex = createHash('sha1').update(text, 'utf8').digest('hex');
  expect(hexOf(sha1(text)), what).toBe(sha1Hex);
  expect(uuidv5(NAMESPACE_DNS, text), what).toBe(uuidv5(NAMESPACE_DNS, Buffer.from(text)));
  const mac = createHmac('sha256', 'k').update(`s\0${text}`, 'utf8').digest('hex');
  expect(scoped('s', text, { secret: 'k' }), what).toBe(`ik_${mac}`);
}

onEach(ENGINES, () => {
  it.each(Object.entries(WIDTHS))('digests short text of %s characters', (_, char) => {
    for (let length = 0; length <= 150; length++) check(char.repeat(length));
  });

  it.each(Object.entries(WIDTHS))('digests text of %s characters around a border', (_, char) => {
    for (const border of BORDERS) {
      for (const around of [-2, -1, 0, 1, 2]) {
        check(char.repeat((border + around) / char.length));
        // One byte more in front moves where the wide characters are cut.
        check(`x${char.repeat((border + around) / char.length)}`);
        check(`xy${char.repeat((border + around) / char.length)}`);
      }
    }
  });

  it('digests long text of mixed widths', () => {
    const next = random(2);
    const chars = Object.values(WIDTHS);
    for (const length of [5000, 50_000, 200_000]) {
      check(Array.from({ length }, () => chars[Math.floor(next() * 4)]).join(''));
    }
  });

  it('digests ropes and slices of text, which are not flat in memory', () => {
    const flat = 'é'.repeat(70_000);
    check(flat.slice(3, 66_000));
    let rope = '';
    for (let i = 0; i < 3000; i++) rope += `${i}-${flat.slice(i, i + 20)}`;
    check(rope);
  });

  it('does not normalize, trim or fold text', () => {
    const spellings = ['é', 'e\u0301', 'É', ' é', 'é\n', '\ufeffé', 'é\0'];
    const keys = spellings.map((text) => sha256Hex(text));
    expect(new Set(keys).size).toBe(spellings.length);
    spellings.map(check);
  });

  it('refuses a lone surrogate wherever it stands, and says where', () => {
    const long = 'x'.repeat(70_000);
    for (const [text, index] of [
      ['\ud800', 0],
      ['\udc00', 0],
      ['ab\udfff', 2],
      ['a\ud83da', 1],
      ['\ude00\ud83d', 0],
      ['😀\ud83d', 2],
      ['\ud83d\ud83d\ude00', 0],
      [`${long}\ud800`, 70_000],
      [`${'é'.repeat(65_535)}\ud83d`, 65_535],
    ] as const) {
      const expected = {
        code: 'SAMEKEY_LONE_SURROGATE',
        message: new RegExp(`the lone surrogate at index ${index} is not valid Unicode$`),
      } as const;
      for (const act of [
        sha256,
        sha1,
        sha256Hex,
        (bad: string) => scoped('s', bad),
        (bad: string) => scoped(bad, 's'),
        (bad: string) => sha256Hex('s', { secret: bad }),
        (bad: string) => uuidv5(NAMESPACE_DNS, bad),
        (bad: string) => createSha256().update(bad),
      ]) {
        expectThrown(() => act(text), TypeError, expected);
      }
    }
  });
});

it('encodes a long text in pieces, none of them with the rest of it behind', () => {
  // Chromium copies a whole text to encode its beginning, so encoding a long one piece by piece is
  // quadratic.
  const encodeInto = vi.spyOn(TextEncoder.prototype, 'encodeInto');
  try {
    for (const text of Object.values(WIDTHS).map((char) => char.repeat(400_000 / char.length))) {
      useEngine('wasm');
      expect(sha256Hex(text).slice(3)).toBe(createHash('sha256').update(text).digest('hex'));
      expect(keyOf(text).slice(3)).toBe(createHash('sha256').update(`"${text}"`).digest('hex'));
    }
    const lengths = encodeInto.mock.calls.map(([text]) => text.length);
    expect(lengths.length).toBeGreaterThan(40);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(0x10000);
  } finally {
    encodeInto.mockRestore();
    useEngine('auto');
  }
});
