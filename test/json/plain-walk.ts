import { createHash } from 'node:crypto';

/**
 * The walk of a value, written for reading: one member after the other, with nothing remembered from
 * one value to the next. The library must give the same text or the same error, with all that it remembers.
 */

/** The error of samekey that a value must cause. */
export class Refusal extends Error {
  constructor(
    readonly Class: 'TypeError' | 'RangeError',
    readonly code: string,
    message: string,
    readonly path?: string,
  ) {
    super(message);
  }
}

/**
 * How objects are treated that have another prototype than `Object.prototype` and `null`: as their own
 * members, or refused. The test that makes such a value enters it here.
 */
export const instances = new WeakMap<object, 'members' | { refused: string }>();

interface Step {
  readonly deep: boolean;
  /** A name, `*`, or the indexes that an index or a slice selects in an array of a length. */
  readonly key: string | ((length: number) => readonly number[]);
}
/** How many steps of a path are done. More than one number, because `..` may stand still. */
type Progress = readonly number[];

/** A path of names, indexes, slices, `*` and `..`. */
function stepsOf(path: string): Step[] {
  const steps = path.matchAll(/(\.\.?)?(?:(\w+|\*)|\[([-\d:]+|\*)\])/g);
  return [...steps].map(([, dots, name, elements]) => ({
    deep: dots === '..',
    key: name ?? (elements === '*' ? '*' : (length) => elementsOf(elements as string, length)),
  }));
}

/** The indexes of an array as JavaScript's own `at` and `slice` select them. */
function elementsOf(text: string, length: number): readonly number[] {
  const indexes = Array.from({ length }, (_, i) => i);
  const [start, end, step = 1] = text.split(':').map((part) => (part ? Number(part) : undefined));
  if (!text.includes(':')) return indexes.filter((i) => i === indexes.at(start as number));
  return indexes.slice(start, end).filter((_, i) => i % step === 0);
}

const ROLES = ['exclude', 'include', 'refs'] as const;
type Role = (typeof ROLES)[number];

/** The options of an identity that change the walk. */
export type PlainRules = { readonly maxDepth?: number } & {
  readonly [role in Role]?: readonly string[];
};

interface Rule {
  readonly role: Role;
  readonly steps: readonly Step[];
}

/** The effect of all paths on one place. */
interface Place {
  readonly progress: readonly Progress[];
  readonly isInside: boolean;
}

interface Ancestor {
  readonly container: object;
  readonly depth: number;
}

const pointer = (tokens: readonly (string | number)[]) =>
  tokens.map((each) => `/${String(each).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const shown = (path: string) =>
  JSON.stringify(path.length <= 120 ? path : `${path.slice(0, 80)}…${path.slice(-32)}`);

/** The types that no JSON text has. */
function describe(value: unknown): string {
  if (typeof value === 'bigint') return 'a BigInt is not JSON, pass it as text';
  const name = value === undefined ? 'undefined' : `a ${typeof value}`;
  return `${name} is not JSON`;
}

/** RFC 8785 §3.2.3: code unit by code unit. */
function byCodeUnits(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return a.charCodeAt(i) - b.charCodeAt(i);
  }
  return a.length - b.length;
}

/** Calls `toJSON` as `JSON.stringify` does. */
function resolved(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== 'function' || ArrayBuffer.isView(value)) return value;
  const json: unknown = toJSON.call(value, String(key));
  return json === null && value instanceof Date ? value : json;
}

const isBoxed = (value: object) =>
  value instanceof String || value instanceof Number || value instanceof Boolean;

const isContainer = (value: unknown) =>
  typeof value === 'object' && value !== null && !isBoxed(value);

/** So many references may be open, one inside the other. */
const MOST_REFERENCES = 100;

/** The walk of one value. */
class Walk {
  hasIncluded: boolean;
  readonly #rules: readonly Rule[];
  readonly #maxDepth: number;
  readonly #tokens: (string | number)[] = [];
  #openReferences = 0;

  constructor(rules: PlainRules) {
    this.#rules = ROLES.flatMap((role) =>
      (rules[role] ?? []).map((path) => ({ role, steps: stepsOf(path) })),
    );
    this.#maxDepth = rules.maxDepth ?? 1000;
    this.hasIncluded = rules.include === undefined;
  }

  start(value: unknown): string {
    const place = {
      progress: this.#rules.map(() => [0]),
      isInside: this.hasIncluded,
    };
    return this.#placed(resolved(value, ''), [], this.#at(place));
  }

  #refuse(Class: 'TypeError' | 'RangeError', code: string, what: string): never {
    const path = pointer(this.#tokens);
    const message = `Cannot canonicalize the value at ${shown(path)}: ${what}`;
    throw new Refusal(Class, code, message, path);
  }

  #refuseDepth(levels: number, of: string): never {
    const what = `it is nested deeper than the ${levels} levels of ${of}`;
    return this.#refuse('RangeError', 'SAMEKEY_TOO_DEEP', what);
  }

  #matches(place: Place, role: Role): boolean {
    return this.#rules.some(
      (rule, i) => rule.role === role && place.progress[i]?.includes(rule.steps.length),
    );
  }

  /** An `include` path that ends here includes all below. */
  #at({ progress, isInside }: Place): Place {
    return { progress, isInside: isInside || this.#matches({ progress, isInside }, 'include') };
  }

  #below(place: Place, key: string | number, length = 0): Place {
    if (this.#rules.length === 0) return place;
    const { progress, isInside } = place;
    const next = progress.map((done, i) => {
      const { steps } = this.#rules[i] as Rule;
      return done.flatMap((count) => {
        const step = steps[count];
        if (step === undefined) return [];
        const goes =
          step.key === '*' ||
          step.key === key ||
          (typeof step.key === 'function' && step.key(length).includes(key as number));
        return [...(step.deep ? [count] : []), ...(goes ? [count + 1] : [])];
      });
    });
    return this.#at({ progress: next, isInside });
  }

  #isLeftOut(place: Place, value: unknown): boolean {
    if (this.#matches(place, 'exclude')) return true;
    if (place.isInside) return false;
    const mayLead = this.#rules.some(
      ({ role, steps }, i) =>
        role === 'include' && place.progress[i]?.some((count) => count < steps.length),
    );
    return !(mayLead && isContainer(value));
  }

  /** The text of a value that is not left out. */
  #placed(value: unknown, ancestors: readonly Ancestor[], place: Place): string {
    if (this.#matches(place, 'include')) this.hasIncluded = true;
    if (!(place.isInside && this.#matches(place, 'refs'))) {
      return this.#value(value, ancestors, place);
    }
    if (this.#openReferences === MOST_REFERENCES) this.#refuseDepth(MOST_REFERENCES, 'refs');
    this.#openReferences++;
    // The digest of a value in its place is a walk of its own: it knows no containers around it.
    const content = this.#value(value, [], place);
    this.#openReferences--;
    return `"sha256:${createHash('sha256').update(content).digest('hex')}"`;
  }

  #value(value: unknown, ancestors: readonly Ancestor[], place: Place): string {
    if (typeof value === 'string') return this.#text(value, 'a lone surrogate is not');
    if (typeof value === 'number') {
      if (Number.isFinite(value)) return JSON.stringify(value);
      return this.#refuse('RangeError', 'SAMEKEY_NOT_FINITE', `${value} is not a JSON number`);
    }
    if (value === null || typeof value === 'boolean') return String(value);
    if (typeof value !== 'object') {
      return this.#refuse('TypeError', 'SAMEKEY_NOT_JSON', describe(value));
    }
    if (Array.isArray(value)) return this.#array(value, ancestors, place);
    return this.#object(value, ancestors, place);
  }

  #text(text: string, what: string): string {
    if (!/\p{Surrogate}/u.test(text)) return JSON.stringify(text);
    return this.#refuse('TypeError', 'SAMEKEY_LONE_SURROGATE', `${what} valid Unicode`);
  }

  #array(array: readonly unknown[], ancestors: readonly Ancestor[], place: Place): string {
    const inside = this.#enter(array, ancestors);
    const elements: string[] = [];
    const { length } = array;
    for (let i = 0; i < length; i++) {
      this.#tokens.push(i);
      const element = resolved(array[i], i);
      const next = this.#below(place, i, length);
      if (!this.#isLeftOut(next, element)) elements.push(this.#placed(element, inside, next));
      this.#tokens.pop();
    }
    return `[${elements.join(',')}]`;
  }

  #object(object: object, ancestors: readonly Ancestor[], place: Place): string {
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      if (isBoxed(object)) return this.#value(object.valueOf(), ancestors, place);
      const kind = instances.get(object);
      if (kind === undefined) throw new Error('the test does not say what this instance is');
      if (kind !== 'members') this.#refuse('TypeError', 'SAMEKEY_NOT_JSON', kind.refused);
    }
    const inside = this.#enter(object, ancestors);
    const members: string[] = [];
    for (const name of Object.keys(object).sort(byCodeUnits)) {
      this.#tokens.push(name);
      const next = this.#below(place, name);
      const isRead = !this.#matches(next, 'exclude');
      const value = isRead ? resolved((object as Record<string, unknown>)[name], name) : undefined;
      if (value !== undefined && !this.#isLeftOut(next, value)) {
        const text = this.#text(name, 'its name holds a lone surrogate, which is not');
        members.push(`${text}:${this.#placed(value, inside, next)}`);
      }
      this.#tokens.pop();
    }
    return `{${members.join(',')}}`;
  }

  #enter(container: object, ancestors: readonly Ancestor[]): readonly Ancestor[] {
    const depth = this.#tokens.length;
    const earlier = ancestors.find((each) => each.container === container);
    if (earlier !== undefined) {
      const target = shown(pointer(this.#tokens.slice(0, earlier.depth)));
      this.#refuse('TypeError', 'SAMEKEY_CYCLE', `a cycle leads back to ${target}`);
    }
    if (depth >= this.#maxDepth) this.#refuseDepth(this.#maxDepth, 'maxDepth');
    return [...ancestors, { container, depth }];
  }
}

/**
 * Returns the canonical text of the part of `value` that `rules` select.
 *
 * @throws {Refusal} if samekey must refuse the value. Errors of getters and `toJSON` pass.
 */
export function plainText(value: unknown, rules: PlainRules = {}): string {
  const walk = new Walk(rules);
  const text = walk.start(value);
  if (walk.hasIncluded) return text;
  const paths = rules.include?.join(', ');
  const message = `Cannot make a key: no include path matches the value (${paths})`;
  throw new Refusal('RangeError', 'SAMEKEY_EMPTY_IDENTITY', message);
}
