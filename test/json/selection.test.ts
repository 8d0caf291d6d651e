import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createConversation,
  explain,
  keyOf,
  keyOfJson,
  keysOf,
  keysOfJson,
  type SamekeyError,
} from '../../src/index.js';
import { deep } from '../depth.js';
import { CANONICALIZERS, under } from '../engine/engines.js';
import { referenceJson } from './reference-json.js';

/**
 * RFC 9535, evaluated the way it is written: a path selects places in one given value. Samekey runs
 * all paths at once as an automaton and never collects places, so the two have nothing in common.
 */
const RUNS = deep(500, 1500);

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Selector = { name: string } | { index: number } | { slice: string } | '*';
interface Segment {
  readonly descendant: boolean;
  readonly selectors: readonly Selector[];
}
type Path = readonly Segment[];

/** A place: the way to it, as text that sets can hold. */
interface Node {
  readonly place: string;
  readonly value: Json;
}

function childrenOf({ place, value }: Node): (Node & { key: string | number })[] {
  if (Array.isArray(value)) {
    return value.map((each, key) => ({ key, place: `${place}/${key}`, value: each }));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([key, each]) => ({
    key,
    place: `${place}/${key}`,
    value: each,
  }));
}

function withDescendants(node: Node): Node[] {
  return [node, ...childrenOf(node).flatMap(withDescendants)];
}

/** RFC 9535 §2.3.4.2.2: the loop over the indexes, as the pseudocode has it. */
function indexesIn(slice: string, length: number): number[] {
  const [start, end, by] = slice.split(':').map((part) => (part === '' ? undefined : Number(part)));
  const step = by ?? 1;
  const normalize = (i: number) => (i >= 0 ? i : length + i);
  const from = normalize(start ?? (step >= 0 ? 0 : length - 1));
  const to = normalize(end ?? (step >= 0 ? length : -length - 1));
  const indexes: number[] = [];
  if (step > 0) {
    const [lower, upper] = [Math.min(Math.max(from, 0), length), Math.min(Math.max(to, 0), length)];
    for (let i = lower; i < upper; i += step) indexes.push(i);
  } else if (step < 0) {
    const upper = Math.min(Math.max(from, -1), length - 1);
    const lower = Math.min(Math.max(to, -1), length - 1);
    for (let i = upper; lower < i; i += step) indexes.push(i);
  }
  return indexes;
}

function matches(selector: Selector, key: string | number, length: number): boolean {
  if (selector === '*') return true;
  if ('name' in selector) return selector.name === key;
  if (typeof key !== 'number') return false;
  if ('slice' in selector) return indexesIn(selector.slice, length).includes(key);
  return (selector.index < 0 ? length + selector.index : selector.index) === key;
}

/** The nodes that segments select, one segment after the other (§2.1.2). */
function evaluate(root: Json, path: Path): Node[] {
  let nodes: Node[] = [{ place: '', value: root }];
  for (const { descendant, selectors } of path) {
    const parents = descendant ? nodes.flatMap(withDescendants) : nodes;
    nodes = parents.flatMap((parent) => {
      const children = childrenOf(parent);
      return children.filter(({ key }) =>
        selectors.some((each) => matches(each, key, children.length)),
      );
    });
  }
  return nodes;
}

const placesOf = (nodes: readonly Node[]) => new Set(nodes.map(({ place }) => place));

/** Places from which the rest of a path may still be reached. */
function onTheWay(root: Json, path: Path): Node[] {
  return path.flatMap(({ descendant }, done) => {
    const reached = evaluate(root, path.slice(0, done));
    return descendant ? reached.flatMap(withDescendants) : reached;
  });
}

interface Rules {
  readonly include: readonly Path[];
  readonly exclude: readonly Path[];
  readonly refs: readonly Path[];
}

/** The value's identity, or `undefined` if `include` finds nothing. */
function identityOf(root: Json, { include, exclude, refs }: Rules): Json | undefined {
  const all = (paths: readonly Path[]) => placesOf(paths.flatMap((path) => evaluate(root, path)));
  const [included, excluded, referenced] = [all(include), all(exclude), all(refs)];
  const leading = placesOf(include.flatMap((path) => onTheWay(root, path)));
  let hasIncluded = include.length === 0;

  function copy(node: Node, parentIsInside: boolean): Json | undefined {
    const { place, value } = node;
    if (excluded.has(place)) return undefined;
    const isInside = parentIsInside || included.has(place);
    const isContainer = typeof value === 'object' && value !== null;
    if (!isInside && !(isContainer && leading.has(place))) return undefined;
    hasIncluded ||= included.has(place);
    // A reference stands for what the other paths leave of the value.
    const content = isContainer ? contentOf(node, value, isInside) : value;
    return isInside && referenced.has(place)
      ? `sha256:${createHash('sha256').update(referenceJson(content)).digest('hex')}`
      : content;
  }

  function contentOf(node: Node, value: Json, isInside: boolean): Json {
    const kept = childrenOf(node)
      .map((child) => [String(child.key), copy(child, isInside)] as const)
      .filter((entry): entry is [string, Json] => entry[1] !== undefined);
    return Array.isArray(value) ? kept.map(([, each]) => each) : Object.fromEntries(kept);
  }

  const identity = copy({ place: '', value: root }, include.length === 0);
  return hasIncluded ? identity : undefined;
}

// A small alphabet, so that paths hit.
const NAMES = ['a', 'b', 'c', 'a b', "it's", 'é'];
const name = fc.constantFrom(...NAMES);

const tree: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom<Json>(null, true, 0, 1, 'x', 'sha256:'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

const root = fc.oneof(
  { weight: 5, arbitrary: fc.dictionary(name, tree, { maxKeys: 5, noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.array(tree, { maxLength: 4 }) },
  { weight: 1, arbitrary: tree },
) as fc.Arbitrary<Json>;

const bound = fc.option(fc.integer({ min: -6, max: 6 }), { nil: undefined });

const selector: fc.Arbitrary<Selector> = fc.oneof(
  { weight: 5, arbitrary: name.map((each) => ({ name: each })) },
  { weight: 2, arbitrary: fc.integer({ min: -4, max: 3 }).map((index) => ({ index })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(bound, bound, fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined }))
      .map(([start, end, step]) => ({ slice: `${start ?? ''}:${end ?? ''}:${step ?? ''}` })),
  },
  { weight: 2, arbitrary: fc.constant<Selector>('*') },
);

const segment: fc.Arbitrary<Segment> = fc.record({
  descendant: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  selectors: fc.oneof(
    { weight: 4, arbitrary: fc.array(selector, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(selector, { minLength: 2, maxLength: 3 }) },
  ),
});

const path: fc.Arbitrary<Path> = fc.array(segment, { minLength: 1, maxLength: 4 });

/** A path as text, spelled in one of the ways there are. */
function spell(segments: Path, seed: number): string {
  return `$${segments
    .map(({ descendant, selectors }, i) => {
      const dots = descendant ? '..' : '';
      const [first] = selectors;
      const isShort = selectors.length === 1 && ((seed >> i) & 1) === 0;
      if (isShort && first === '*') return `${dots || '.'}*`;
      if (isShort && typeof first === 'object' && 'name' in first && /^[a-zé]+$/.test(first.name)) {
        return `${dots || '.'}${first.name}`;
      }
      const list = selectors.map((each) => {
        if (each === '*') return '*';
        if ('index' in each) return String(each.index);
        if ('slice' in each) return (seed >> i) & 4 ? each.slice : each.slice.replace(/:$/, '');
        return (seed >> i) & 2 ? JSON.stringify(each.name) : `'${each.name.replace("'", "\\'")}'`;
      });
      return `${dots}[${list.join(', ')}]`;
    })
    .join('')}`;
}

const rules = fc.record({
  include: fc.oneof(fc.constant([]), fc.array(path, { minLength: 1, maxLength: 3 })),
  exclude: fc.array(path, { maxLength: 3 }),
  refs: fc.oneof(fc.constant([]), fc.array(path, { maxLength: 2 })),
});

describe.each(CANONICALIZERS)('on %s', (engine) => {
  it('is what a plain evaluation of RFC 9535 selects', () => {
    let found = 0;
    fc.assert(
      fc.property(
        root,
        rules,
        fc.nat({ max: 0xffff }),
        (value, { include, exclude, refs }, seed) => {
          const text = (paths: readonly Path[]) => paths.map((each) => spell(each, seed));
          const identity = {
            ...(include.length > 0 && { include: text(include) }),
            ...(exclude.length > 0 && { exclude: text(exclude) }),
            ...(refs.length > 0 && { refs: text(refs) }),
          };
          const expected = identityOf(value, { include, exclude, refs });
          under(engine, () => {
            if (expected === undefined) {
              let code: string | undefined;
              try {
                keyOf(value, identity);
              } catch (error) {
                code = (error as SamekeyError).code;
              }
              expect(code).toBe('SAMEKEY_EMPTY_IDENTITY');
              return;
            }
            found++;
            const canonical = referenceJson(expected);
            expect(explain(value, identity).canonical).toBe(canonical);
            const hex = createHash('sha256').update(canonical).digest('hex');
            expect(keyOf(value, identity)).toBe(`ik_${hex}`);
            expect(keyOfJson(JSON.stringify(value), identity)).toBe(`ik_${hex}`);
          });
        },
      ),
      { numRuns: RUNS },
    );
    // The property says little if the paths never hit.
    expect(found).toBeGreaterThan(RUNS / 3);
  });
});

describe('indexes and slices', () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const kept = (paths: string[]) => JSON.parse(explain(letters, { include: paths }).canonical);

  it.each([
    // RFC 9535 §2.3.3.3, table 6, and §2.3.4.3, table 9. Here the elements keep their order.
    ['$[1]', 'b'],
    ['$[-2]', 'f'],
    ['$[1:3]', 'bc'],
    ['$[5:]', 'fg'],
    ['$[1:5:2]', 'bd'],
    ['$[5:1:-2]', 'df'],
    ['$[::-1]', 'abcdefg'],
    ['$[:-1]', 'abcdef'],
    ['$[-1:]', 'g'],
    ['$[-3:-1]', 'ef'],
    ['$[::3]', 'adg'],
    ['$[::-3]', 'adg'],
    ['$[1::-1]', 'ab'],
    ['$[:4:-1]', 'fg'],
    ['$[-100:2]', 'ab'],
    ['$[5:100]', 'fg'],
    ['$[100:-100:-2]', 'aceg'],
    ['$[0,-1]', 'ag'],
    ['$[:2,-2:,3]', 'abdfg'],
  ])('%s includes %s', (path, expected) => {
    expect(kept([path])).toEqual([...expected]);
    expect(JSON.parse(explain(letters, { exclude: [path] }).canonical)).toEqual(
      letters.filter((letter) => !expected.includes(letter)),
    );
  });

  it.each([
    '$[7]',
    '$[-8]',
    '$[3:3]',
    '$[3:1]',
    '$[1:3:-1]',
    '$[::0]',
    '$[1:5:0]',
    '$[:-7]',
    '$[7:]',
  ])('%s selects nothing of seven elements', (path) => {
    expect(JSON.parse(explain(letters, { exclude: [path] }).canonical)).toEqual(letters);
    expect(() => kept([path])).toThrow('no include path matches');
  });

  it('of an object select nothing', () => {
    const object = { 0: 'a', '-1': 'b', length: 1 };
    for (const path of ['$[0]', '$[-1]', '$[:]', '$[0:9]']) {
      expect(explain(object, { exclude: [path] }).excluded).toEqual([]);
    }
  });

  it('say which path excludes an element', () => {
    const request = { messages: ['a', 'b', 'c'] };
    expect(explain(request, { exclude: ['$.messages[:-1]'] })).toMatchObject({
      canonical: '{"messages":["c"]}',
      excluded: [
        { path: '/messages/0', by: '$.messages[:-1]' },
        { path: '/messages/1', by: '$.messages[:-1]' },
      ],
    });
  });

  it('make the same key of a value and of its text, by every engine', () => {
    const text = JSON.stringify({
      messages: letters.map((content) => ({ role: 'user', content })),
    });
    const identities = [
      { include: ['$.messages[:-1]'] },
      { exclude: ['$.messages[-1]', '$.messages[::2].role'] },
      { refs: ['$.messages[-1].content'], exclude: ['$..[1:3]'] },
    ];
    for (const identity of identities) {
      const expected = keyOf(JSON.parse(text), identity);
      for (const engine of CANONICALIZERS) {
        under(engine, () => {
          expect(keyOf(JSON.parse(text), identity)).toBe(expected);
          expect(keyOfJson(text, identity)).toBe(expected);
          expect(keyOfJson(Buffer.from(text), identity)).toBe(expected);
          expect(keysOf([JSON.parse(text)], identity)).toEqual([expected]);
          expect(keysOfJson([text], identity)).toEqual([expected]);
        });
      }
    }
  });

  it('report the same faults of a text as other paths', () => {
    const identity = { exclude: ['$[-1]'] };
    expect(() => keyOfJson('[1,2', identity)).toThrow('found the end, wanted "," or "]"');
    expect(() => keyOfJson('[{"a":1,"a":2},3]', identity)).toThrow('found the name "a" again');
    expect(() => keyOfJson('[9007199254740993,3]', identity)).toThrow('wanted at most 2^53 - 1');
    expect(keyOfJson('[9007199254740993,3]', { ...identity, bigNumbers: 'digits' })).not.toBe(
      keyOfJson('[9007199254740992,3]', { ...identity, bigNumbers: 'digits' }),
    );
  });

  it('that count from the end are refused for the list of a conversation, which grows', () => {
    const request = { messages: ['a', 'b', ['c', 'd']] };
    for (const path of ['$.messages[-1]', '$.messages[:-1]', '$.messages[::-2]', '$..[-1]']) {
      expect(() => createConversation(request, { exclude: [path] })).toThrow(
        'the identity has a path that counts from the end of "messages", which moves',
      );
    }
    for (const path of ['$.messages[1:]', '$.messages[::2]', '$.messages[*][-1]', '$.tools[-1]']) {
      const conversation = createConversation(request, { exclude: [path] });
      conversation.append('e', ['f', 'g']);
      const messages = [...request.messages, 'e', ['f', 'g']];
      expect(conversation.key).toBe(keyOf({ messages }, { exclude: [path] }));
    }
  });
});
