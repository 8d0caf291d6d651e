import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalize,
  customId,
  explain,
  explainDifference,
  keyOf,
  sha256Hex,
} from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';

type Wrap = (inner: unknown) => unknown;

const inArray: Wrap = (inner) => [inner];
const inObject: Wrap = (inner) => ({ a: inner });

/** `depth` containers around `leaf`, made without recursion. */
function nested(depth: number, wrap: Wrap, leaf: unknown = 1): unknown {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

/** Its canonical text, made without recursion too: `JSON.stringify` would overflow the stack. */
function nestedText(depth: number, wrap: Wrap, leaf = '1'): string {
  const [before, after] = wrap === inArray ? ['[', ']'] : ['{"a":', '}'];
  return before.repeat(depth) + leaf + after.repeat(depth);
}

/** Calls `act` from so many calls deep. */
function calledBelow<T>(calls: number, act: () => T): T {
  return calls === 0 ? act() : calledBelow(calls - 1, act);
}

const SHAPES: [string, Wrap, string][] = [
  ['arrays', inArray, '/0'],
  ['objects', inObject, '/a'],
];

onEach(CANONICALIZERS, () => {
  describe.each(SHAPES)('nested %s', (_, wrap, step) => {
    it.each([1, 2, 10, 999, 1000])('are allowed down to maxDepth %i and no further', (maxDepth) => {
      expect(canonicalize(nested(maxDepth, wrap), { maxDepth })).toBe(nestedText(maxDepth, wrap));
      const tooDeep = nested(maxDepth + 1, wrap);
      for (const act of [canonicalize, canonicalBytes, keyOf, customId, explain]) {
        act(nested(maxDepth, wrap), { maxDepth });
        expectThrown(() => act(tooDeep, { maxDepth }), RangeError, {
          code: 'SAMEKEY_TOO_DEEP',
          path: step.repeat(maxDepth),
        });
      }
    });

    it('are allowed 1000 deep unless said otherwise', () => {
      expect(canonicalize(nested(1000, wrap))).toBe(nestedText(1000, wrap));
      expect(keyOf(nested(1000, wrap), { scope: 's' })).toBe(
        keyOf(nested(1000, wrap), { scope: 's', maxDepth: 1000 }),
      );
      for (const identity of [undefined, {}, { scope: 's' }, { exclude: ['$..x'] }]) {
        expectThrown(() => keyOf(nested(1001, wrap), identity), RangeError, {
          code: 'SAMEKEY_TOO_DEEP',
          path: step.repeat(1000),
        });
      }
    });

    it.each([
      undefined,
      { exclude: ['$..x'] },
      { include: ['$..*'] },
      { refs: ['$..x'] },
      { refs: ['$.a', '$[0]'] },
    ])('are allowed 1500 deep, the most there is, under %j', (paths) => {
      const value = nested(1500, wrap);
      const identity = { maxDepth: 1500, ...paths };
      if (paths === undefined || 'exclude' in paths) {
        expect(keyOf(value, identity)).toBe(sha256Hex(nestedText(1500, wrap)));
      } else {
        expect(keyOf(value, identity)).toMatch(/^ik_/);
      }
      expectThrown(() => keyOf(nested(1501, wrap), identity), RangeError, {
        code: 'SAMEKEY_TOO_DEEP',
      });
    });

    it('are allowed 1500 deep by a caller that is 2000 calls deep', () => {
      const value = nested(1500, wrap);
      const expected = sha256Hex(nestedText(1500, wrap));
      for (const paths of [undefined, { exclude: ['$..x'] }]) {
        expect(calledBelow(2000, () => keyOf(value, { maxDepth: 1500, ...paths }))).toBe(expected);
      }
    });

    it('are refused when they are 100 000 deep, with a message that can be read', () => {
      const value = nested(100_000, wrap);
      for (const identity of [{}, { exclude: ['$..x'] }, { include: ['$..*'] }]) {
        expectThrown(() => keyOf(value, identity), RangeError, {
          code: 'SAMEKEY_TOO_DEEP',
          path: step.repeat(1000),
          message: /^.{1,300}$/,
        });
      }
      expect(canonicalize({ usable: true })).toBe('{"usable":true}');
    });
  });

  it.each([
    ['an empty array', []],
    ['an empty object', {}],
    ['a long array of numbers', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('counts %s as a level', (_, inner) => {
    expect(canonicalize(inner, { maxDepth: 1 })).toBe(JSON.stringify(inner));
    const tooDeep = { code: 'SAMEKEY_TOO_DEEP', path: '/a' } as const;
    for (const paths of [{}, { exclude: ['$.x.y'] }, { exclude: ['$..x'] }]) {
      expectThrown(() => keyOf({ a: inner }, { maxDepth: 1, ...paths }), RangeError, tooDeep);
    }
  });

  it('counts the levels of a referenced value from where it stands', () => {
    const value = nested(900, inObject, { doc: nested(900, inObject) });
    const tooDeep = { code: 'SAMEKEY_TOO_DEEP' } as const;
    expectThrown(() => keyOf(value, { refs: ['$..doc'] }), RangeError, tooDeep);
    expect(keyOf(nested(400, inObject, { doc: nested(400, inObject) }), { refs: ['$..doc'] })).toBe(
      keyOf(nested(400, inObject, { doc: `sha256:${keyOf(nested(400, inObject)).slice(3)}` })),
    );
  });

  it('does not count a scalar as a level', () => {
    expect(canonicalize('text', { maxDepth: 1 })).toBe('"text"');
    expect(canonicalize(['text', 1, null], { maxDepth: 1 })).toBe('["text",1,null]');
  });

  it('explains differences as deep as the identity allows', () => {
    const maxDepth = 1500;
    const differences = explainDifference({ x: 1 }, { x: nested(1499, inArray) }, { maxDepth });
    expect(differences).toEqual([{ path: '/x', a: '1', b: nestedText(1499, inArray) }]);
    const below = explainDifference(nested(1500, inArray), nested(1500, inArray, 2), { maxDepth });
    expect(below).toEqual([{ path: '/0'.repeat(1500), a: '1', b: '2' }]);
  });

  describe('a string or numbers deep inside', () => {
    // Nothing on the way down is long enough to ask for room, but all of it together is.
    const name = 'n'.repeat(48);
    const probe = 'a message digested before and after';

    it.each([
      ['a short text', 'end'],
      ['numbers', new Array(3000).fill(-1.2345678901234568e-300)],
      ['control characters', '\u0001'.repeat(0x10000)],
    ])('are written in full, and harm nothing: %s', (_, leaf) => {
      const before = sha256Hex(probe);
      const document = ['x'.repeat(0xff9c), nested(990, (inner) => ({ [name]: inner }), leaf)];
      const canonical = canonicalize(document);
      expect(sha256Hex(probe)).toBe(before);
      expect(canonical.length).toBe(JSON.stringify(document).length);
      expect(canonical === JSON.stringify(document)).toBe(true);
      expect(keyOf(document)).toBe(sha256Hex(canonical));
    });
  });
});

describe('maxDepth', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 5001, 2 ** 53])(
    'refuses %d',
    (maxDepth) => {
      for (const act of [canonicalize, canonicalBytes, keyOf, customId, explain]) {
        expectThrown(() => act(1, { maxDepth }), RangeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
      }
    },
  );

  it.each([
    ['text', '10'],
    ['null', null],
    ['a BigInt', 10n],
    ['an object', {}],
  ])('refuses %s', (_, maxDepth) => {
    for (const act of [canonicalize, canonicalBytes, keyOf, customId, explain]) {
      expectThrown(() => act(1, { maxDepth: maxDepth as never }), TypeError, {
        code: 'SAMEKEY_BAD_ARGUMENT',
      });
    }
  });
});

describe('cycles', () => {
  it.each([
    ['an object in itself', () => cycle({}, (o) => o), '/self', ''],
    [
      'an object two levels up',
      () => cycle({ a: { b: [{}] } }, (o) => o.a.b[0]),
      '/a/b/0/self',
      '',
    ],
    [
      'an object inside, not at the root',
      () => ({ list: [1, cycle({ a: {} }, (o) => o.a)] }),
      '/list/1/a/self',
      '/list/1',
    ],
    [
      'names that a pointer escapes',
      () => ({ 'a/b': { '~': cycle({}, (o) => o) } }),
      '/a~1b/~0/self',
      '/a~1b/~0',
    ],
  ])('are refused with both ends: %s', (_, make, path, target) => {
    for (const act of [canonicalize, canonicalBytes, keyOf, explain]) {
      expectThrown(() => act(make()), TypeError, {
        code: 'SAMEKEY_CYCLE',
        path,
        message: `Cannot canonicalize the value at "${path}": a cycle leads back to "${target}"`,
      });
    }
  });

  it('are refused in arrays', () => {
    const list: unknown[] = [1];
    list.push([list]);
    expectThrown(() => canonicalize(list), TypeError, { code: 'SAMEKEY_CYCLE', path: '/1/0' });
  });

  it('are refused at any maxDepth that is passed, and under an identity', () => {
    const value = cycle({ x: 1 }, (o) => o);
    for (const identity of [{ maxDepth: 1 }, { maxDepth: 1500 }, { exclude: ['$..x'] }]) {
      expectThrown(() => keyOf(value, identity), TypeError, {
        code: 'SAMEKEY_CYCLE',
        path: '/self',
      });
    }
  });

  it('are refused before a large value in them is written a thousand times', () => {
    const value = cycle({ large: 'x'.repeat(2 ** 20) }, (o) => o);
    expectThrown(() => canonicalize(value), TypeError, { code: 'SAMEKEY_CYCLE', path: '/self' });
  });

  it('are not seen where an object merely comes twice', () => {
    const shared = { a: [1] };
    const value = { x: shared, y: [shared, shared.a, shared], z: { shared } };
    expect(canonicalize(value)).toBe(JSON.stringify(value));
    expect(canonicalize(new Array(2000).fill(shared))).toBe(
      JSON.stringify(new Array(2000).fill(shared)),
    );
  });

  /** `top`, with a member that leads from `at(top)` back to it. */
  // biome-ignore lint/suspicious/noExplicitAny: shaped by each case
  function cycle(top: any, at: (top: any) => any): unknown {
    at(top).self = top;
    return top;
  }
});
