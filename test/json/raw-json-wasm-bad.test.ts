import { describe, expect, it } from 'vitest';
import { canonicalizeJson } from '../../src/index.js';
import { isDeep } from '../depth.js';
import { under } from '../engine/engines.js';
import { growth, LINEAR_BOUND } from '../runtime/growth.js';
import { random, randomBytes } from '../runtime/random.js';
import { referenceJson } from './reference-json.js';
import { inModule, isAccepted } from './spelling.js';

/** One of everything, in no order, with gaps and escapes. */
const CORPUS = ` {"b":[1,-2.50e+1,0.5,true,false,null,{"é東🧳":"\\u00e9\\ud83e\\uddf3\\n\\/\\\\\\""}],
\t"a" : {"\\u0061":"x","Z":{},"y":[ ],"B":-0},"":"0123456789abcdef\u007f"} `;

const SAME = '{"a":[{"b":1}]}';

/** Fails unless the module takes `bytes` exactly if the reader in TypeScript does, for the same. */
function agree(bytes: Uint8Array): boolean {
  const made = inModule(bytes);
  if ((made !== undefined) !== isAccepted(bytes)) {
    expect.unreachable(
      `${made === undefined ? 'refused' : 'taken'}: ${Buffer.from(bytes).toString('hex')}`,
    );
  }
  if (made === undefined) return false;
  const expected = referenceJson(JSON.parse(Buffer.from(bytes).toString()));
  if (made !== expected) expect.unreachable(Buffer.from(bytes).toString('hex'));
  return true;
}

describe('what the module takes is what the reader in TypeScript takes', () => {
  const corpus = Buffer.from(CORPUS);

  it('of every truncation', () => {
    const taken = Array.from(corpus, (_, end) => agree(corpus.subarray(0, end)));
    // All but the last, which is white space.
    expect(taken.flatMap((is, end) => (is ? [end] : []))).toEqual([corpus.length - 1]);
  });

  it('of every change of one byte', () => {
    let taken = 0;
    for (let at = 0; at < corpus.length; at++) {
      const bytes = Uint8Array.from(corpus);
      for (let byte = 0; byte < 256; byte++) {
        bytes[at] = byte;
        if (agree(bytes)) taken++;
      }
    }
    expect(taken).toBeGreaterThan(corpus.length);
    expect(taken).toBeLessThan(100 * corpus.length);
  });

  it('of every byte left out, doubled or put somewhere else', () => {
    for (let at = 0; at < corpus.length; at++) {
      agree(Buffer.concat([corpus.subarray(0, at), corpus.subarray(at + 1)]));
      agree(Buffer.concat([corpus.subarray(0, at), corpus.subarray(at - 1)]));
      const other = (at * 7) % corpus.length;
      agree(
        Buffer.concat([
          corpus.subarray(0, at),
          corpus.subarray(other, other + 1),
          corpus.subarray(at),
        ]),
      );
    }
  });

  it('of random bytes, and of random tokens', () => {
    const tokens = ['{', '}', '[', ']', ',', ':', '"a"', '"b"', '""', '1', '-', '0', '.5', 'e1']
      .concat(['true', 'false', 'null', ' ', '\\', '"', '\n', '\u00a0', '\ufeff', '/**/', "'a'"])
      .concat(['NaN', '\\u0061', '\0', '+1', 'é']);
    let taken = 0;
    for (let seed = 1; seed <= 20_000; seed++) {
      const next = random(seed);
      agree(randomBytes(seed, Math.floor(next() * 40)));
      const count = 1 + Math.floor(next() * 9);
      const text = Array.from({ length: count }, () => tokens[Math.floor(next() * tokens.length)]);
      if (agree(Buffer.from(text.join('')))) taken++;
    }
    expect(taken).toBeGreaterThan(100);
  });

  it('of numbers', () => {
    const parts = ['', '-', '0', '1', '12', '.', '5', '00', 'e', 'E', '+', '-', '9007199254740991'];
    parts.push('9007199254740992', '123456789012345', '1234567890123456', '0.000001', '0.0000001');
    for (const a of parts) {
      for (const b of parts) {
        for (const c of parts) {
          for (const d of ['', '.', '1', 'e5', '0']) agree(Buffer.from(`[${a}${b}${c}${d}]`));
        }
      }
    }
  });

  it('of the end of a string, wherever it stands in a vector', () => {
    for (let length = 0; length < 50; length++) {
      for (const end of [
        '"',
        '\\"',
        '\\',
        '\\u',
        '\\u00',
        '\\u0041"',
        '\\ud83e"',
        '\\ud83e\\u',
        '\\x"',
        '\n"',
        '\0"',
        '',
        '\\/"',
        '\\\\"',
      ]) {
        agree(Buffer.from(`"${'a'.repeat(length)}${end}`));
        agree(Buffer.from(`"é${'a'.repeat(length)}${end}`));
      }
    }
  });
});

describe('UTF-8', () => {
  const isUtf8 = (bytes: Uint8Array) => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  /** Whether the module takes a string of these bytes, `before` bytes into it. */
  const takes = (bytes: readonly number[], before: number, after: number) => {
    const text = Buffer.alloc(before + bytes.length + after + 2, 'a');
    text[0] = text[text.length - 1] = 0x22;
    text.set(bytes, before + 1);
    return inModule(text) !== undefined;
  };
  const check = (bytes: readonly number[], before: number, after: number) => {
    if (takes(bytes, before, after) !== isUtf8(Uint8Array.from(bytes))) {
      expect.unreachable(`${bytes.map((byte) => byte.toString(16))} after ${before} bytes`);
    }
  };

  it('of two bytes: all there are', () => {
    for (let a = 0x80; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        if (b >= 0x20 && b !== 0x22 && b !== 0x5c) check([a, b], (a * 5 + b) % 35, b % 3);
      }
    }
  });

  it('of three and four bytes: at every border, at every place', () => {
    const edges = [0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0];
    const leads = [0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3];
    let count = 0;
    for (const lead of [...leads, 0xf4, 0xf5, 0xf8, 0xff, 0x80]) {
      for (const b of edges) {
        for (const c of edges) {
          check([lead, b, c], count++ % 34, count % 2);
          for (const d of edges) check([lead, b, c, d], count++ % 34, count % 2);
        }
      }
    }
  });

  it('of characters in a row, cut at every place', () => {
    const text = Buffer.from('é東🧳aé'.repeat(9));
    for (let before = 0; before < 17; before++) {
      for (let at = 0; at <= text.length; at++) {
        check([...text.subarray(0, at)], before, 0);
        check([...text.subarray(at)], before, 0);
        check([...text.subarray(0, at), ...text.subarray(at + 1)], before, 20);
      }
    }
  });
});

describe('much of it', () => {
  const million = 1_000_000;
  const refused: [string, () => string][] = [
    ['ten million brackets', () => '['.repeat(10 * million)],
    ['ten million quotes', () => '"'.repeat(10 * million)],
    ['ten million backslashes in a string', () => `"${'\\'.repeat(10 * million + 1)}"`],
    ['ten million spaces', () => ' '.repeat(10 * million)],
    ['objects in objects', () => '{"a":'.repeat(million)],
    ['a million digits of an integer', () => '9'.repeat(million)],
    ['a million digits before an exponent', () => `${'9'.repeat(million)}e1`],
    ['an exponent of a million digits', () => `1e${'9'.repeat(million)}`],
    ['a million commas', () => `[${','.repeat(million)}]`],
  ];
  it.each(refused)('is refused: %s', (_, make) => {
    expect(inModule(make(), { maxDepth: 1500 })).toBeUndefined();
    expect(inModule(SAME)).toBe(SAME);
  });

  const taken: [string, () => string, () => string][] = [
    [
      'a million digits of a fraction',
      () => `0.${'3'.repeat(million)}`,
      () => '0.3333333333333333',
    ],
    ['a million zeros and an exponent', () => `0.${'0'.repeat(million)}5e1000001`, () => '5'],
    [
      'five million escapes',
      () => `"${'\\u0041\\n'.repeat(2_500_000)}"`,
      () => `"${'A\\n'.repeat(2_500_000)}"`,
    ],
    ['ten million spaces', () => `[1${' '.repeat(10 * million)}]`, () => '[1]'],
    [
      'a hundred thousand numbers that get longer',
      () => `[${Array(100_000).fill('1e20').join()}]`,
      () => `[${Array(100_000).fill('100000000000000000000').join()}]`,
    ],
    [
      'five million characters of two bytes',
      () => `"${'é'.repeat(5 * million)}"`,
      () => `"${'é'.repeat(5 * million)}"`,
    ],
    [
      'a hundred thousand objects to be sorted',
      () => `[${Array(100_000).fill('{"b":{"d":1,"c":2},"a":0}').join()}]`,
      () => `[${Array(100_000).fill('{"a":0,"b":{"c":2,"d":1}}').join()}]`,
    ],
    [
      'a thousand levels to be sorted',
      () => `${'{"b":'.repeat(1000)}1${',"a":0}'.repeat(1000)}`,
      () => `${'{"a":0,"b":'.repeat(1000)}1${'}'.repeat(1000)}`,
    ],
  ];
  it.each(taken)('is taken: %s', (_, make, expected) => {
    const made = inModule(make());
    // Avoids a failure message of ten megabytes.
    expect(made === expected()).toBe(true);
    expect(inModule(SAME)).toBe(SAME);
  });

  it.runIf(isDeep)('a million members that share a long prefix, in n log n', () => {
    /** Members in an order of their own; as bytes, so that there is nothing to collect as garbage. */
    const text = (count: number, step: number) => {
      const member = `,"${'p'.repeat(40)}000000":0`;
      const bytes = Buffer.alloc(count * member.length + 1, member);
      for (let i = 0; i < count; i++) {
        const name = String((i * step) % count).padStart(6, '0');
        bytes.write(name, i * member.length + 42, 'latin1');
      }
      bytes[0] = 0x7b;
      bytes[bytes.length - 1] = 0x7d;
      return bytes;
    };
    // Multiples of a number without a common divisor go through all numbers, here and there.
    const step = 618_033;
    const made = under('wasm', () => canonicalizeJson(text(million, step)));
    expect(Buffer.compare(made, text(million, 1))).toBe(0);
    const twins = text(million, step);
    twins.write('618033', 42, 'latin1');
    expect(inModule(twins)).toBeUndefined();
    // Sixteen times as many take sixteen times as long, and a third more for the logarithm; what
    // does not fit into a cache takes a few times longer again. A quadratic sort takes 256 times as
    // long.
    const sort = (bytes: Uint8Array) => under('wasm', () => canonicalizeJson(bytes));
    const ratio = growth((count) => text(count, step), million / 16, sort, { times: 16, runs: 2 });
    expect(ratio).toBeLessThan(100);
  });

  it('takes time in proportion to its length', () => {
    const shapes: ((count: number) => string)[] = [
      (count) => `"${'\\u0041'.repeat(count)}"`,
      (count) => `"${'\\'.repeat(2 * count)}"`,
      (count) => `[${' '.repeat(count)}]`,
      (count) => '9'.repeat(count),
      (count) => `0.${'3'.repeat(count)}`,
      (count) => `[${'[],'.repeat(count)}[]]`,
      (count) => `{"${'é'.repeat(count)}":1,"${'é'.repeat(count)}a":2}`,
      (count) => `{"${'\\\\'.repeat(count)}b":1,"${'\\\\'.repeat(count)}a":2}`,
    ];
    const read = (bytes: Uint8Array) => inModule(bytes, { bigNumbers: 'double' });
    for (const shape of shapes) {
      expect(growth(shape, 100_000, read), shape(2)).toBeLessThan(LINEAR_BOUND);
    }
  });
});
