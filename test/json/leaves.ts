import { instances } from './plain-walk.js';

/** Values without members, for every way in which a writer may print them. */
export type Leaf = (typeof KINDS)[number];

const KINDS = [
  'shortText',
  'text',
  'oddText',
  'integer',
  'decimal',
  'number',
  'literal',
  'numbers',
  'boxed',
  'date',
  'missing',
  'refused',
  'cycle',
] as const;

/** How often each kind is chosen, of 1000. Errors end a walk early, so they are rare. */
const SHARES = [290, 170, 40, 190, 110, 50, 110, 10, 8, 6, 12, 3, 1];

const TABLE = KINDS.flatMap((kind, i) => Array.from({ length: SHARES[i] as number }, () => kind));

type Next = () => number;
const below = (next: Next, count: number) => Math.floor(next() * count);
const pick = <T>(next: Next, list: readonly T[]) => list[below(next, list.length)] as T;

export const leafKind = (next: Next): Leaf => TABLE[below(next, TABLE.length)] as Leaf;

/** Lengths around which writers change their way. */
const EDGES = [
  15, 16, 17, 19, 20, 21, 23, 24, 31, 32, 33, 47, 48, 49, 50, 63, 64, 65, 127, 128, 129,
];
const LONG = [255, 256, 257, 1023, 1024, 1025, 2047, 4095, 4096, 4097, 8191, 8192, 8193, 20_000];

const ASCII =
  'The quick brown fox, 42 lazy dogs; a_b-c/d: {e} [f] (g) <h> #i @j $k %l ^m &n *o +p =q ~r. ';
const PLAIN = ASCII.repeat(Math.ceil(100_000 / ASCII.length));
const SPECIAL = [
  ...[
    '"',
    '\\',
    '\n',
    '\t',
    '\0',
    '\b',
    '\u001f',
    '\u007f',
    '\u0080',
    'é',
    'ÿ',
    '\u0100',
    '\u07ff',
  ],
  ...[
    '\u0800',
    '東',
    '\u2028',
    '\ud7ff',
    '\ue000',
    '\ufeff',
    '\ufffd',
    '\uffff',
    '🧳',
    '\u{10ffff}',
  ],
];
const CJK = '請求書の支払いが完了しましたか返金手続き模型回答顧客注文配送';
const WIDE = CJK.repeat(400);

function textLength(next: Next): number {
  const draw = next();
  if (draw < 0.75) return below(next, 40);
  if (draw < 0.97) return pick(next, EDGES);
  if (draw < 0.9995) return 65 + below(next, 130);
  return draw < 0.9999 ? pick(next, LONG) : 60_000 + below(next, 12_000);
}

function slice(next: Next, of: string, length: number): string {
  const from = below(next, of.length - length);
  return of.slice(from, from + length);
}

function oddText(next: Next): string {
  const draw = next();
  if (draw < 0.25) return slice(next, WIDE, Math.min(textLength(next), WIDE.length - 1));
  const text = slice(next, PLAIN, textLength(next));
  const at = below(next, text.length + 1);
  if (draw < 0.27) return `${text.slice(0, at)}${pick(next, ['\ud800', '\udfff', '\ude00\ud83d'])}`;
  // A concatenation, which V8 keeps in parts.
  return text.slice(0, at) + pick(next, SPECIAL) + (draw < 0.5 ? '' : text.slice(at));
}

const NUMBERS = [
  ...[
    -0,
    9,
    10,
    99,
    100,
    9999,
    10_000,
    -1,
    -9999,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53,
  ],
  ...[
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    1e21,
    1e20,
    123456789012345680000,
    1e-6,
    1e-7,
    5e-324,
    0.1 + 0.2,
  ],
  ...[Number.MAX_VALUE, 1.005, 0.001, 0.0001, -0.001, 1999999.99, 2000000.01, 4.35, 1e6 + 0.125],
];

function refused(next: Next): unknown {
  switch (below(next, 9)) {
    case 0:
      return Number.NaN;
    case 1:
      return pick(next, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    case 2:
      return () => 1;
    case 3:
      return Symbol('s');
    case 4:
      return 1n;
    case 5:
      return refusedInstance(new Map([[1, 2]]), 'a Map is not JSON');
    case 6:
      return refusedInstance(new Date(Number.NaN), 'a Date is not JSON if it is invalid');
    case 7:
      return refusedInstance(Uint8Array.of(1), 'a Uint8Array is not JSON');
    default:
      return '\udc00';
  }
}

/** Says that samekey refuses this object, whose prototype is not that of a plain one. */
export function refusedInstance<T extends object>(value: T, why: string): T {
  instances.set(value, { refused: why });
  return value;
}

export function leaf(kind: Leaf, next: Next, ancestors: readonly object[]): unknown {
  switch (kind) {
    case 'shortText':
      return slice(next, PLAIN, below(next, 13));
    case 'text':
      return slice(next, PLAIN, textLength(next));
    case 'oddText':
      return oddText(next);
    case 'integer':
      return below(next, pick(next, [10, 200, 10_001, 2 ** 20, 2 ** 33])) - (next() < 0.2 ? 9 : 0);
    case 'decimal':
      return (below(next, 200_000) - 1000) / pick(next, [2, 4, 8, 10, 100, 100, 1000, 10_000, 3]);
    case 'number':
      return pick(next, NUMBERS);
    case 'literal':
      return pick(next, [null, true, false]);
    case 'numbers':
      return Array.from({ length: 6 + below(next, 6) }, () => pick(next, [...NUMBERS, 1, 0.5, 20]));
    case 'boxed':
      return Object(pick<unknown>(next, ['boxed "text"', 7.5, true]));
    case 'date':
      return new Date(below(next, 2 ** 41));
    case 'missing':
      return undefined;
    case 'cycle':
      return ancestors.length === 0 ? null : pick(next, ancestors);
    default:
      return refused(next);
  }
}
