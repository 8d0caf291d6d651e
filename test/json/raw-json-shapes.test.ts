import { describe, expect, it } from 'vitest';
import { isKey, keyOf, keyOfJson } from '../../src/index.js';
import { parseJson } from '../../src/json/parse.js';
import { deep } from '../depth.js';
import { under } from '../engine/engines.js';
import { random } from '../runtime/random.js';
import { inModule, isAccepted } from './spelling.js';

/**
 * The module remembers the names of the objects in an array from the second one on. A document of
 * one element has nothing to remember, so each element by itself goes the other way.
 */
function oneByOne(elements: readonly string[]): string | undefined {
  const canonical = elements.map((element) => inModule(element));
  return canonical.includes(undefined) ? undefined : `[${canonical.join()}]`;
}

/** The key that is made, or the code of the error. */
function keyOrCode(make: () => string): string {
  try {
    return make();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (typeof code !== 'string') throw error;
    return code;
  }
}

/** Both ways, and whether the reader in TypeScript accepts it. */
function agree(elements: readonly string[]): string | undefined {
  const text = `[${elements.join()}]`;
  const expected = oneByOne(elements);
  const found = inModule(text);
  if (found !== expected) expect(`${text}\n${found}`).toBe(`${text}\n${expected}`);
  return found;
}

const object = (names: readonly string[], value: (i: number) => string = String) =>
  `{${names.map((name, i) => `${JSON.stringify(name)}:${value(i)}`).join()}}`;

/** Names that differ late, early, in their length, or only by an escape. */
const NAMES = ['', 'a', 'b', 'ab', 'ba', 'a"', 'a\\', '\n', 'é', '東', '\ue000', '🧳', '\u007f']
  .concat(['abcdefgh', 'abcdefgi', 'abcdefghi', 'bbcdefgh', 'x'.repeat(13), 'x'.repeat(14)])
  .concat(['x'.repeat(15), `${'x'.repeat(14)}y`, 'y'.repeat(29), 'y'.repeat(30), 'y'.repeat(31)])
  .concat([`${'y'.repeat(30)}z`, 'type', 'name', 'names', 'Name', '__proto__', 'toString']);

const WHITE = ['', '', '', '', ' ', '\n  '];

/** Texts of objects with few shapes, and some that deviate from them. */
function createTexts(seed: number) {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const escaped = (name: string) =>
    `"${Array.from({ length: name.length }, (_, i) => {
      return `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`;
    }).join('')}"`;
  const names = () => {
    const rest = [...NAMES];
    return Array.from({ length: below(9) }, () => rest.splice(below(rest.length), 1)[0] as string);
  };
  const shapes = Array.from({ length: 1 + below(6) }, names);
  const deviates = pick([0, 0.05, 0.5]);
  const duplicates = pick([0, 0, 0, 0.03]);
  const blank = pick([0, 0, 1]);
  const gap = () => (blank ? pick(WHITE) : '');

  const value = (depth: number): string => {
    const kind = below(depth > 3 ? 6 : 9);
    if (kind === 0) return JSON.stringify(pick(NAMES).repeat(below(4)));
    if (kind === 1) return pick(['1.0', '-0', '1e3', '12', '0.1']);
    if (kind < 6) return String(below(1000));
    if (kind === 6) return `[${gap()}]`;
    if (kind === 7) return row(depth + 1);
    return `[${Array.from({ length: below(4) }, () => value(depth + 1)).join(`${gap()},`)}]`;
  };
  const row = (depth: number): string => {
    const shape = [...pick(shapes)];
    if (next() < deviates) shape.splice(below(shape.length + 1), below(2), pick(NAMES));
    const distinct = [...new Set(shape)];
    if (next() < duplicates) distinct.splice(below(shape.length), 0, pick(shape.concat('a')));
    const members = distinct.map((name) => {
      const spelling = next() < deviates / 4 ? escaped(name) : JSON.stringify(name);
      return `${gap()}${spelling}${gap()}:${gap()}${value(depth)}${gap()}`;
    });
    return `{${members}}`;
  };
  return Array.from({ length: 1 + below(30) }, () => row(0));
}

describe('objects of one shape', () => {
  const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

  it(`are written as each by itself, SAMEKEY_TEST_SEED=${SEED}`, () => {
    let refused = 0;
    const runs = deep(1500, 10_000);
    for (let i = 0; i < runs; i++) {
      const elements = createTexts(SEED + i);
      if (agree(elements) === undefined) {
        refused++;
        expect(isAccepted(`[${elements}]`)).toBe(false);
      }
    }
    expect(refused).toBeGreaterThan(runs / 100);
    expect(refused).toBeLessThan(runs / 2);
  });

  it(`have the same key as their values, SAMEKEY_TEST_SEED=${SEED}`, () => {
    const identities = [{ exclude: ['$..a', '$..name'] }, { include: ['$..ab', '$[*].type'] }]
      .concat([{ exclude: ['$[1]', '$..type'] }])
      .map((options) => ({ ...options, bigNumbers: 'double' as const }));
    // JSON.parse of Node 24 and 26 (V8 13.6 to 14.6) reads the name "a\n" as "a\\", if it has read
    // "a\\" before: https://github.com/nodejs/node/issues/63785
    const isRight = Number.parseInt(process.versions.v8, 10) < 13;
    const limits = { maxDepth: 1000, bigNumbers: 'double' } as const;
    const parse = (text: string) => (isRight ? JSON.parse(text) : parseJson(text, limits));
    const runs = deep(300, 2000);
    let compared = 0;
    for (let i = 0; i < runs; i++) {
      const text = `[${createTexts(SEED + i)}]`;
      if (!isAccepted(text)) continue;
      const value = parse(text);
      for (const identity of [undefined, ...identities]) {
        const wanted = keyOrCode(() => keyOf(value, identity));
        const found = under('wasm', () => keyOrCode(() => keyOfJson(text, identity)));
        if (found !== wanted) expect(`${text}\n${found}`).toBe(`${text}\n${wanted}`);
        if (isKey(wanted)) compared++;
      }
    }
    expect(compared).toBeGreaterThan(runs);
  });

  it('are refused for a name that comes again, wherever it is', () => {
    const names = ['d', 'b', 'c', 'a'];
    for (let count = 1; count < 6; count++) {
      for (let at = 0; at <= names.length; at++) {
        for (const again of names) {
          const twice = names.toSpliced(at, 0, again);
          const elements = [...Array.from({ length: count }, () => object(names)), object(twice)];
          expect(agree(elements)).toBeUndefined();
          expect(agree([...elements, object(names)])).toBeUndefined();
          expect(agree([object(twice), object(names)])).toBeUndefined();
        }
      }
    }
  });

  it('have names of any length that differ in one character', () => {
    for (let length = 0; length <= 70; length++) {
      for (const at of new Set([0, length >> 1, length])) {
        const name = (char: string) => 'x'.repeat(at) + char + 'x'.repeat(length - at);
        const [a, b] = [name('a'), name('b')];
        const elements = Array.from({ length: 3 }, () => object([b, a, '-']));
        const expected = `{"-":2,"${a}":1,"${b}":0}`;
        const swapped = `{"-":2,"${a}":0,"${b}":1}`;
        expect(agree([...elements, object([a, b, '-'])])).toBe(
          `[${elements.map(() => expected)},${swapped}]`,
        );
        expect(agree([...elements, object([b, b, '-'])])).toBeUndefined();
        expect(agree([...elements, object([b, a, a])])).toBeUndefined();
      }
    }
  });

  it('may have any order, with the same result', () => {
    const next = random(1);
    const names = ['name', 'id', 'type', 'x'.repeat(20), 'é', 'b', 'a', 'names'];
    const sorted = object([...names].sort(), () => '0');
    const orders = Array.from({ length: 300 }, () => names.toSorted(() => next() - 0.5));
    const elements = orders.map((order) => object(order, () => '0'));
    expect(agree(elements)).toBe(`[${elements.map(() => sorted)}]`);
  });

  it.each([1, 2, 15, 16, 17, 62, 63, 64, 65, 66, 130, 255, 256, 257, 600])(
    'have %d members',
    (count) => {
      const next = random(count);
      const names = Array.from({ length: count }, (_, i) => `n${i}`).sort(() => next() - 0.5);
      const elements = Array.from({ length: 5 }, () => object(names));
      expect(agree(elements)).toBeDefined();
      expect(agree([...elements, object([...names, 'n0'])])).toBeUndefined();
      expect(agree([...elements, object([...names].reverse())])).toBeDefined();
    },
  );

  it('may follow more shapes than are remembered', () => {
    const odd = Array.from({ length: 2000 }, (_, i) => object([`b${i}`, `a${i * 7}`, 'c']));
    const even = Array.from({ length: 50 }, () => object(['b', 'a', 'c']));
    expect(agree([...odd, ...even])).toBeDefined();
    expect(agree([...even, ...odd, ...even])).toBeDefined();
    const mixed = odd.flatMap((each, i) => [each, even[i % 50] as string]);
    expect(agree(mixed)).toBeDefined();
    expect(agree([...mixed, object(['b', 'a', 'c', 'b'])])).toBeUndefined();
  });

  it('have values of any size', () => {
    for (const length of [0, 1, 15, 16, 17, 400, 500, 510, 520, 1000, 1100, 70_000]) {
      const value = (i: number) => JSON.stringify('x'.repeat(i === 1 ? length : 3));
      const elements = Array.from({ length: 4 }, () => object(['c', 'b', 'a'], value));
      expect(agree(elements)).toBeDefined();
      expect(agree([...elements, object(['c', 'b', 'a']), ...elements])).toBeDefined();
      // White space and a longer spelling of a number move the text.
      const spaced = elements.map((each) => each.replace(':', ' : 1e20,\n"z":'));
      expect(agree(spaced)).toBeDefined();
    }
  });

  it('are nested as deep as may be', () => {
    const nest = (depth: number): string =>
      depth === 0 ? '1' : `{"b":[0,{"d":1,"c":2},${nest(depth - 1)}],"a":0}`;
    const elements = Array.from({ length: 4 }, () => nest(150));
    expect(agree(elements)).toBeDefined();
    expect(agree([...elements, nest(150).replace('"a":0', '"b":0')])).toBeUndefined();
  });

  it('leave nothing to the next document', () => {
    const rows = (names: string[]) => Array.from({ length: 5 }, () => object(names));
    for (let i = 0; i < 100; i++) {
      expect(agree(rows(['b', 'a']))).toBeDefined();
      expect(agree(rows(['a', 'b']))).toBeDefined();
      expect(agree(rows(['a', 'b', 'a']))).toBeUndefined();
      expect(agree(rows(['b', 'a', 'c']))).toBeDefined();
    }
  });
});
