import { fail, nameOf, type SamekeyErrorCode } from '../errors/errors.js';
import { toPointer } from './pointer.js';

type Tokens = readonly (string | number)[];
type ErrorClass = new (message: string) => Error;

function refuse(Class: ErrorClass, code: SamekeyErrorCode, tokens: Tokens, what: string): never {
  const path = toPointer(tokens);
  // A pointer may be as long as the document is deep or its names are long: shown, it is cut.
  const shown = path.length <= 120 ? path : `${path.slice(0, 80)}…${path.slice(-32)}`;
  return fail(Class, code, `Cannot canonicalize the value at ${JSON.stringify(shown)}: ${what}`, {
    path,
  });
}

export function refuseType(value: unknown, tokens: Tokens): never {
  const hint = typeof value === 'bigint' ? ', pass it as text' : '';
  return refuse(TypeError, 'SAMEKEY_NOT_JSON', tokens, `${nameOf(value)} is not JSON${hint}`);
}

export function refuseNumber(value: number, tokens: Tokens): never {
  return refuse(RangeError, 'SAMEKEY_NOT_FINITE', tokens, `${value} is not a JSON number`);
}

export function refuseSurrogate(tokens: Tokens, where: 'value' | 'name'): never {
  const what = 'a lone surrogate is not valid Unicode';
  return refuse(
    TypeError,
    'SAMEKEY_LONE_SURROGATE',
    tokens,
    where === 'name' ? `its name holds a lone surrogate, which is not valid Unicode` : what,
  );
}

/** Too deep, or endless: if the way down from `root` meets a container twice, it goes round. */
export function refuseDepth(root: unknown, tokens: Tokens, maxDepth: number): never {
  const seen = new Map<unknown, number>();
  let container = root;
  for (let depth = 0; typeof container === 'object' && container !== null; depth++) {
    const earlier = seen.get(container);
    if (earlier !== undefined) {
      const target = JSON.stringify(toPointer(tokens.slice(0, earlier)));
      const cycle = tokens.slice(0, depth);
      return refuse(TypeError, 'SAMEKEY_CYCLE', cycle, `a cycle leads back to ${target}`);
    }
    seen.set(container, depth);
    if (depth === tokens.length) break;
    container = (container as Record<string | number, unknown>)[tokens[depth] as string | number];
  }
  const what = `it is nested deeper than the ${maxDepth} levels of maxDepth`;
  return refuse(RangeError, 'SAMEKEY_TOO_DEEP', tokens, what);
}

/** Built-in objects whose content `JSON.stringify` drops without a word. */
const OPAQUE = new Set(
  ['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Promise', 'RegExp', 'Error'].concat([
    'ArrayBuffer',
    'SharedArrayBuffer',
    'Generator',
    'AsyncGenerator',
  ]),
);

/**
 * Whether an object that is no array and no plain object stands for its own enumerable members, as
 * an instance of a class does. A `Map`, a `Headers` or a `Blob` does not: its content would be lost,
 * and every one of them would get the key of `{}`.
 */
export function hasMembers(value: object): boolean {
  if (ArrayBuffer.isView(value)) return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Object') return true;
  return !OPAQUE.has(tag) && Object.keys(value).length > 0;
}
