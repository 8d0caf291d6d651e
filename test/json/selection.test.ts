import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain, keyOf, type SamekeyError } from '../../src/index.js';
import { deep } from '../depth.js';
import { CANONICALIZERS, under } from '../engine/engines.js';
import { referenceJson } from './reference-json.js';

/**
 * RFC 9535, evaluated the way it is written: a path selects places in one given value. Samekey runs
 * all paths at once as an automaton and never collects places, so the two have nothing in common.
 */
const RUNS = deep(500, 1500);

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Selector = { name: string } | { index: number } | '*';
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

function matches(selector: Selector, key: string | number): boolean {
  if (selector === '*') return true;
  return 'name' in selector ? selector.name === key : selector.index === key;
}

/** The nodes that segments select, one segment after the other (§2.1.2). */
function evaluate(root: Json, path: Path): Node[] {
  let nodes: Node[] = [{ place: '', value: root }];
  for (const { descendant, selectors } of path) {
    const parents = descendant ? nodes.flatMap(withDescendants) : nodes;
    nodes = parents.flatMap((parent) =>
      childrenOf(parent).filter(({ key }) => selectors.some((each) => matches(each, key))),
    );
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

const selector: fc.Arbitrary<Selector> = fc.oneof(
  { weight: 5, arbitrary: name.map((each) => ({ name: each })) },
  { weight: 2, arbitrary: fc.nat({ max: 3 }).map((index) => ({ index })) },
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
          });
        },
      ),
      { numRuns: RUNS },
    );
    // The property says little if the paths never hit.
    expect(found).toBeGreaterThan(RUNS / 3);
  });
});
