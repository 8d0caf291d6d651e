import { runInNewContext } from 'node:vm';
import { refusedInstance } from './leaves.js';
import { instances } from './plain-walk.js';

/** Ways in which an object or an array can hold its members. */
export type Container = 'plain' | (typeof EXOTIC)[number];

const EXOTIC = [
  'no prototype',
  'frozen',
  'dictionary',
  'class',
  'class with methods',
  'class with a private field',
  'inherited members',
  'inherited accessor',
  'other realm',
  'proxy',
  'proxy of an instance',
  'hidden members',
  'getters',
  'getter that throws',
  'getter that adds',
  'getter that removes',
  'getter that replaces',
  'toJSON',
  'toJSON that changes',
  'toJSON to nothing',
  'holes',
] as const;

type Next = () => number;
const pick = <T>(next: Next, list: readonly T[]) => list[Math.floor(next() * list.length)] as T;

export const containerKind = (next: Next): Container =>
  next() < 0.94 ? 'plain' : pick(next, EXOTIC);

/** The part of the builder of a value that a container uses. */
interface Builder {
  readonly next: Next;
  isStateful: boolean;
}

/** The error of the user's own code. */
export const OWN_ERROR = new RangeError('from a getter');

class Open {}
class WithMethods {
  size() {
    return Object.keys(this).length;
  }
}
class WithPrivate {
  #cents = 5;
  cents() {
    return this.#cents;
  }
}
const ACCESSOR = {
  get hidden() {
    return 1;
  },
};
class List extends Array<unknown> {}

const otherRealm: { object(): object; array(): unknown[] } = runInNewContext(
  '({ object: () => ({}), array: () => [] })',
);

/** Says that an object is refused. A member can hide the name of its class. */
const hidesState = (object: object, name: string) =>
  refusedInstance(
    object,
    `${Object.hasOwn(object, 'constructor') ? 'an object' : name} is not JSON: it may have state beside its own members, wanted a plain object or a toJSON method`,
  );

type Entry = readonly [string, unknown];
type Members = Record<string, unknown>;

/** Adds members as data, also `__proto__`. */
function fill<T extends object>(object: T, entries: readonly Entry[]): T {
  for (const [name, value] of entries) {
    // A class may have an accessor of that name, and `__proto__` has one.
    if (name === '__proto__') define(object, name, { value });
    else (object as Members)[name] = value;
  }
  return object;
}

const define = (object: object, name: string, attributes: PropertyDescriptor) =>
  Object.defineProperty(object, name, {
    enumerable: true,
    configurable: true,
    ...('get' in attributes ? {} : { writable: true }),
    ...attributes,
  });

function withMembers<T extends object>(value: T): T {
  instances.set(value, 'members');
  return value;
}

/** An object without members is refused if its class has methods that may use hidden state. */
const ofMethods = (value: object) =>
  Object.keys(value).length > 0 ? withMembers(value) : hidesState(value, 'a WithMethods');

/**
 * Makes an object of a kind. `entriesIn` makes its members, which get the objects around them, so that
 * one of them can be a cycle.
 */
export function makeObject(
  kind: Container,
  builder: Builder,
  ancestors: readonly object[],
  entriesIn: (ancestors: readonly object[]) => Entry[],
): object {
  const { next } = builder;
  const filled = <T extends object>(object: T) => fill(object, entriesIn([...ancestors, object]));
  switch (kind) {
    case 'no prototype':
      return filled(Object.create(null));
    case 'frozen':
      return Object.freeze(filled({}));
    case 'dictionary': {
      const object: Members = { toBeDeleted: 1 };
      filled(object);
      delete object.toBeDeleted;
      return object;
    }
    case 'class':
      return withMembers(filled(new Open()));
    case 'class with methods':
      return ofMethods(filled(new WithMethods()));
    case 'class with a private field':
      return hidesState(filled(new WithPrivate()), 'a WithPrivate');
    case 'inherited members':
      return withMembers(filled(Object.create({ a: 'inherited', inherited: [1] })));
    case 'inherited accessor':
      return hidesState(filled(Object.create(ACCESSOR)), 'an object');
    case 'other realm':
      return withMembers(filled(otherRealm.object()));
    case 'proxy':
      return new Proxy(filled({}), {});
    case 'proxy of an instance':
      return withMembers(new Proxy(withMembers(filled(new Open())), {}));
    case 'hidden members': {
      const object = filled({});
      define(object, 'notEnumerable', { value: 1, enumerable: false });
      return Object.assign(object, { [Symbol('s')]: 2 });
    }
    case 'toJSON':
    case 'toJSON that changes':
    case 'toJSON to nothing':
      return withToJson(kind, builder, entriesIn([]));
    default: {
      const object: Members = filled({});
      if (kind.startsWith('getter')) addGetter(kind, object, builder, pick(next, [1, 'é', []]));
      return object;
    }
  }
}

/** Puts a getter in the place of one member. It may change the others while they are read. */
function addGetter(kind: Container, object: Members, builder: Builder, news: unknown): void {
  const names = Object.keys(object);
  if (names.length === 0) return;
  const name = pick(builder.next, names);
  const other = pick(builder.next, names);
  const value = object[name];
  builder.isStateful ||= kind !== 'getters';
  define(object, name, {
    get() {
      if (kind === 'getter that throws') throw OWN_ERROR;
      if (kind === 'getter that adds') define(object, `${other}added`, { value: news });
      if (kind === 'getter that removes') delete object[other];
      if (kind === 'getter that replaces' && other !== name) define(object, other, { value: news });
      return value;
    },
  });
}

function withToJson(kind: Container, builder: Builder, entries: Entry[]): object {
  let calls = Math.floor(builder.next() * 3);
  builder.isStateful ||= kind === 'toJSON that changes';
  const results = [
    fill({}, entries),
    fill({}, entries.toReversed()),
    entries.map(([, value]) => value),
  ];
  return {
    ignored: 1,
    toJSON() {
      if (kind === 'toJSON to nothing') return undefined;
      return results[kind === 'toJSON' ? 0 : calls++ % results.length];
    },
  };
}

/** Like `makeObject`, for an array. Some kinds mean nothing here and make a plain one. */
export function makeArray(
  kind: Container,
  builder: Builder,
  ancestors: readonly object[],
  elementsIn: (ancestors: readonly object[]) => unknown[],
): unknown {
  const filled = <T extends unknown[]>(array: T): T => {
    for (const element of elementsIn([...ancestors, array])) array.push(element);
    return array;
  };
  switch (kind) {
    case 'frozen':
      return Object.freeze(filled([]));
    case 'dictionary':
    case 'holes': {
      const array: unknown[] = filled([]);
      if (kind === 'holes') delete array[Math.floor(builder.next() * array.length)];
      // V8 keeps the elements of an array that was once huge in a hash table.
      else if (array.length > 0) {
        const { length } = array;
        array[2 ** 26] = 1;
        array.length = length;
      }
      return array;
    }
    case 'class':
      return filled(new List());
    case 'other realm':
      return filled(otherRealm.array());
    case 'proxy':
      return new Proxy(filled([]), {});
    case 'hidden members':
      return Object.assign(filled([]), { extra: 1, [Symbol('s')]: 2 });
    case 'toJSON':
      return Object.assign(elementsIn([]), { toJSON: () => ({ from: 'an array' }) });
    default:
      return filled([]);
  }
}
