import { createHash, createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import {
  canonicalize,
  defineIdentity,
  type EngineChoice,
  explain,
  type Identity,
  type IdentityOptions,
  keyOf,
  keysOf,
} from '../../src/index.js';
import { under } from '../engine/engines.js';
import { random } from '../runtime/random.js';
import { type PlainRules, plainText, Refusal } from './plain-walk.js';
import { type Maker, ShapeStream } from './repeated-shapes.js';

/** An identity, and its meaning for the plain walk. */
interface Rules {
  readonly options: IdentityOptions & PlainRules;
  readonly identity: Identity | undefined;
}

const OPTIONS: readonly Rules['options'][] = [
  { exclude: ['$.id'] },
  { exclude: ['$..id', '$.meta', '$.a.b'] },
  { exclude: ['$.*.*', '$[0]'] },
  { exclude: ['$..[1]', '$..content'], scope: 'tenant' },
  { include: ['$.role', '$.items[*].id', '$..x'] },
  { include: ['$..content', '$.a', '$[0]'] },
  { include: ['$.*'], exclude: ['$.items[0]', '$..type'], bits: 128 },
  { include: ['$..*'], exclude: ['$.*.id'], secret: 'a secret' },
  { include: ['$.nothing'] },
  { exclude: ['$[-1]', '$..[-2]'] },
  { include: ['$..[:-1]', '$.role', '$[1:3]'], exclude: ['$.items[::2]', '$..[-3:-1]'] },
  { refs: ['$.content', '$..items', '$[1]'] },
  { refs: ['$.*'], exclude: ['$..a'], include: ['$'] },
  { scope: 'tenant' },
  { scope: ['é', 'b'], secret: Buffer.from('another'), bits: 128 },
  { secret: 's' },
  { maxDepth: 3 },
  { maxDepth: 2, exclude: ['$..id'] },
];

const EVERYTHING: Rules = { options: {}, identity: undefined };
const RULES = OPTIONS.map((options) => ({ options, identity: defineIdentity(options) }));

/** The result of a walk or of a call, in a form that can be compared. */
type Outcome = { readonly text: string } | { readonly error: string };

const outcomeOf = (act: () => string): Outcome => {
  try {
    return { text: act() };
  } catch (error) {
    return { error: described(error) };
  }
};

function described(error: unknown, index?: number): string {
  const { code, path, message } = error as Refusal;
  const Class = error instanceof Refusal ? error.Class : (error as Error).constructor.name;
  const text = index === undefined ? message : message.replace('the value', `value ${index}`);
  return [Class, code, path, text].join(' | ');
}

/** The key of a text by node:crypto. */
function plainKey(text: string, { scope = [], secret, bits = 256 }: IdentityOptions): string {
  const frame = [scope].flat().map((each) => `${each}\0`);
  const hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer);
  return `ik_${hash
    .update(frame.join('') + text)
    .digest('hex')
    .slice(0, bits / 4)}`;
}

/** Values that go through the library together. */
interface Group extends Rules {
  readonly makers: readonly Maker[];
  readonly texts: readonly Outcome[];
  readonly keys: readonly Outcome[];
  /** All keys, or the first error. */
  readonly all: Outcome;
}

function groupOf(rules: Rules, makers: readonly Maker[]): Group {
  let all: Outcome | undefined;
  const texts = makers.map((make, i): Outcome => {
    try {
      return { text: plainText(make(), rules.options) };
    } catch (error) {
      const isOurs = error instanceof Refusal;
      all ??= { error: described(error, isOurs ? i : undefined) };
      return { error: described(error) };
    }
  });
  const keys = texts.map((each) =>
    'text' in each ? { text: plainKey(each.text, rules.options) } : each,
  );
  all ??= { text: keys.map((each) => (each as { text: string }).text).join() };
  return { ...rules, makers, texts, keys, all };
}

/** The calls that are compared with the plain walk. */
const CALLS = {
  text: (value: unknown, identity: Identity | undefined) =>
    identity === undefined ? canonicalize(value) : explain(value, identity).canonical,
  keyOf: (value: unknown, identity: Identity | undefined) => keyOf(value, identity),
  keysOf: (values: unknown, identity: Identity | undefined) =>
    keysOf(values as unknown[], identity).join(),
};

const isEqual = (a: Outcome, b: Outcome) =>
  'text' in a ? 'text' in b && a.text === b.text : 'error' in b && a.error === b.error;

interface Failure {
  readonly call: keyof typeof CALLS;
  readonly value: unknown;
  readonly expected: Outcome;
  readonly got: Outcome;
  readonly rules: Rules;
}

/** Runs all calls of a group under the engine in use. Returns the first wrong result. */
function wrongIn(group: Group): Failure | undefined {
  const { identity, makers } = group;
  for (const [call, expected] of [
    ['text', group.texts],
    ['keyOf', group.keys],
  ] as const) {
    for (let i = 0; i < makers.length; i++) {
      const value = (makers[i] as Maker)();
      const got = outcomeOf(() => CALLS[call](value, identity));
      const wanted = expected[i] as Outcome;
      if (!isEqual(got, wanted)) return { call, value, expected: wanted, got, rules: group };
    }
  }
  const value = makers.map((make) => make());
  const got = outcomeOf(() => CALLS.keysOf(value, identity));
  return isEqual(got, group.all)
    ? undefined
    : { call: 'keysOf', value, expected: group.all, got, rules: group };
}

/** The values with one part less. Of a cycle, only the parts near the top. */
function smaller(value: unknown, depth = 0): unknown[] {
  if (depth > 12) return [];
  if (typeof value === 'string' && value.length > 1) return [value.slice(0, value.length >> 1)];
  if (Array.isArray(value)) {
    return value.flatMap((element, i) => [
      value.toSpliced(i, 1),
      ...smaller(element, depth + 1).map((each) => value.with(i, each)),
    ]);
  }
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(Object.getOwnPropertyDescriptors(value));
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain || entries.some(([, { get }]) => get !== undefined)) return [];
  const copyOf = (list: typeof entries) => Object.defineProperties({}, Object.fromEntries(list));
  return entries.flatMap(([name, attributes], i) => [
    copyOf(entries.toSpliced(i, 1)),
    ...smaller(attributes.value, depth + 1).map((each) =>
      copyOf(entries.with(i, [name, { ...attributes, value: each }])),
    ),
  ]);
}

/** Makes the failing value smaller as long as it fails. Shapes that were seen before stay seen. */
function shrunk(failure: Failure): Failure {
  let least = failure;
  for (let tries = 0; tries < 2000; ) {
    const next = smaller(least.value).find((value) => {
      tries++;
      const group = groupOf(failure.rules, least.call === 'keysOf' ? [] : [() => value]);
      return group.makers.length > 0 && wrongIn(group) !== undefined;
    });
    if (next === undefined) break;
    const found = wrongIn(groupOf(failure.rules, [() => next]));
    if (found === undefined) break;
    least = found;
  }
  return least;
}

const MOST_IN_GROUP = 8;
const VALUES_PER_TURN = 1000;

/**
 * Compares `count` values, made from `seed`, with the plain walk on each engine. Each value takes three
 * ways: as text, as a key, and as one of several keys.
 *
 * @throws an error that has the seed and the value, made smaller.
 */
export function fuzzShapes(seed: number, count: number, engines: readonly EngineChoice[]): void {
  const next = random(seed);
  const stream = new ShapeStream(seed);
  for (let done = 0; done < count; ) {
    const groups: Group[] = [];
    for (let size = 0; size < Math.min(VALUES_PER_TURN, count - done); ) {
      const rules = next() < 0.6 ? EVERYTHING : (RULES[Math.floor(next() * RULES.length)] as Rules);
      const length = Math.min(1 + Math.floor(next() * MOST_IN_GROUP), count - done - size);
      groups.push(
        groupOf(
          rules,
          Array.from({ length }, () => stream.make()),
        ),
      );
      size += length;
    }
    for (const engine of engines) {
      under(engine, () => {
        for (const group of groups) {
          const failure = wrongIn(group);
          if (failure !== undefined) report(seed, engine, shrunk(failure));
        }
      });
    }
    done += groups.reduce((sum, { makers }) => sum + makers.length, 0);
  }
}

function report(
  seed: number,
  engine: string,
  { call, value, expected, got, rules }: Failure,
): never {
  const shown = (each: unknown) =>
    inspect(each, { depth: 12, maxStringLength: 400, maxArrayLength: 40, breakLength: 100 });
  throw new Error(
    [
      `seed ${seed} on ${engine}: ${call} differs from the plain walk`,
      `identity: ${shown(rules.options)}`,
      `value: ${shown(value)}`,
      `expected: ${shown(expected)}`,
      `got: ${shown(got)}`,
    ].join('\n'),
  );
}
