import { fail, nameOf, type SamekeyErrorCode } from '../errors/errors.js';
import { toPointer } from './pointer.js';

type Tokens = readonly (string | number)[];
type ErrorClass = new (message: string) => Error;

function refuse(Class: ErrorClass, code: SamekeyErrorCode, tokens: Tokens, what: string): never {
  const path = toPointer(tokens);
  return fail(Class, code, `Cannot canonicalize the value at ${shorten(path)}: ${what}`, { path });
}

/** Shortens a pointer for a message. It can be as long as the document is deep. */
function shorten(path: string): string {
  return JSON.stringify(path.length <= 120 ? path : `${path.slice(0, 80)}…${path.slice(-32)}`);
}

export function refuseType(value: unknown, tokens: Tokens): never {
  const hint = hintFor(value);
  return refuse(TypeError, 'SAMEKEY_NOT_JSON', tokens, `${nameOf(value)} is not JSON${hint}`);
}

/** Says what to do with a value whose state is not in its members. */
function hintFor(value: unknown): string {
  if (typeof value === 'bigint') return ', pass it as text';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  const tag = Object.prototype.toString.call(value);
  if (tag === '[object Date]') return ' if it is invalid';
  return tag === '[object Object]'
    ? ': it may have state beside its own members, wanted a plain object or a toJSON method'
    : '';
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

export function refuseDepth(tokens: Tokens, most: number, of = 'maxDepth'): never {
  const what = `it is nested deeper than the ${most} levels of ${of}`;
  return refuse(RangeError, 'SAMEKEY_TOO_DEEP', tokens, what);
}

/** `target` is the path to the container that contains itself. */
export function refuseCycle(tokens: Tokens, target: Tokens): never {
  const what = `a cycle leads back to ${shorten(toPointer(target))}`;
  return refuse(TypeError, 'SAMEKEY_CYCLE', tokens, what);
}
