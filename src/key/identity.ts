import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { toMaxDepth } from '../json/canonicalize.js';
import { toBigNumbers } from '../json/canonicalize-json.js';
import type { BigNumbers } from '../json/parse.js';
import { parsePath } from '../json/path.js';
import { compileSelection, type Role, type Rule, type Selection } from '../json/selection.js';
import { DEFAULT_MAX_DEPTH } from '../json/writer.js';
import { framePrefix, type Scope, toScopes } from './frame.js';
import {
  DEFAULT_FORMAT,
  type KeyFormat,
  type KeyFormatOptions,
  toKeyFormat,
} from './key-format.js';

/** A cache for the digests of referenced texts: a `Map`, or any object with these two methods. */
export interface ReferenceCache {
  /** Returns the cached digest of a text, or `undefined`. */
  get(text: string): string | undefined;
  /** Stores the digest of a text, 64 hexadecimal digits. */
  set(text: string, digestHex: string): unknown;
}

/** Selects the part of a request that is its logical identity, and how it becomes a key. */
export interface IdentityOptions extends KeyFormatOptions {
  /**
   * Paths to include; everything else is left out. Containers on the path stay. By default
   * everything is included.
   */
  readonly include?: readonly string[];
  /** Paths to leave out. They take precedence over `include`. */
  readonly exclude?: readonly string[];
  /** Tenant, operation or environment. The same value in another scope gets another key. */
  readonly scope?: Scope;
  /**
   * Paths of large values (such as a base64 image) that are replaced by their digest, `"sha256:…"`.
   * With a `cache`, the digest of a known text is not computed again.
   */
  readonly refs?:
    | readonly string[]
    | { readonly paths: readonly string[]; readonly cache: ReferenceCache };
  /** Makes keys change over time. The scope gets the number of the current window. */
  readonly window?: {
    /** How long a window is. Windows are counted from 1970. */
    readonly lengthMs: number;
    /** Returns milliseconds since 1970. Default: `Date.now`. */
    readonly clock?: () => number;
  };
  /** Maximum nesting of arrays and objects, 1 to 1500. Default: 1000. */
  readonly maxDepth?: number;
  /**
   * How `keyOfJson` treats an integer beyond ±(2^53 - 1). Default: `'error'`, or `'digits'` for the
   * body of a request (`samekey/fetch`, `samekey/server`, `samekey proxy`, …). `'digits'` keeps it as
   * it is written, `'double'` rounds it to the nearest double. It has no effect on `keyOf`, whose
   * numbers are doubles already.
   */
  readonly bigNumbers?: BigNumbers;
}

/** An identity, compiled or as a plain object. */
export type IdentityLike = Identity | IdentityOptions;

/** The compiled form that `keyOf` uses. */
export interface CompiledIdentity {
  readonly format: KeyFormat;
  readonly maxDepth: number;
  readonly bigNumbers: BigNumbers;
  readonly selection: Selection | undefined;
  /** The `include` paths, for the error if none of them matches. */
  readonly include: readonly string[];
  readonly cache: ReferenceCache | undefined;
  /** Whether it has a time window, so that the scopes change over time. */
  readonly isMoving: boolean;
  /** Returns the current scopes. */
  scopes(): readonly string[];
  prefix(): Uint8Array | undefined;
}

const MEMBERS = [
  'include',
  'exclude',
  'scope',
  'bits',
  'secret',
  'refs',
  'window',
  'maxDepth',
  'bigNumbers',
];

const EVERYTHING: CompiledIdentity = {
  format: DEFAULT_FORMAT,
  maxDepth: DEFAULT_MAX_DEPTH,
  bigNumbers: 'error',
  selection: undefined,
  include: [],
  cache: undefined,
  isMoving: false,
  scopes: () => [],
  prefix: () => undefined,
};

/**
 * A compiled identity. Its members are the options that defined it, so `{ ...identities.anthropic,
 * scope: 'tenant-1' }` extends it.
 */
export class Identity implements IdentityOptions {
  declare readonly include?: readonly string[];
  declare readonly exclude?: readonly string[];
  declare readonly scope?: Scope;
  declare readonly bits?: 256 | 128;
  declare readonly secret?: NonNullable<IdentityOptions['secret']>;
  declare readonly refs?: NonNullable<IdentityOptions['refs']>;
  declare readonly window?: NonNullable<IdentityOptions['window']>;
  declare readonly maxDepth?: number;
  declare readonly bigNumbers?: BigNumbers;
  /** Compiled on first use, because a program that imports the presets uses at most one or two. */
  #compiled: CompiledIdentity | undefined;

  constructor(options: IdentityOptions) {
    Object.assign(this, options);
    // Lists are copied and frozen, so that no caller can change them.
    for (const [name, value] of Object.entries(options)) {
      if (Array.isArray(value)) Object.assign(this, { [name]: Object.freeze([...value]) });
    }
    // Used by `console.log` in Node, Bun and Deno.
    const inspect = Symbol.for('nodejs.util.inspect.custom');
    Object.defineProperty(this, inspect, { value: () => this.toJSON() });
    Object.freeze(this);
  }

  /** Returns the options for logs, with `null` in place of the secret. */
  toJSON(): object {
    return Object.hasOwn(this, 'secret') ? { ...this, secret: null } : { ...this };
  }

  /** Returns the compiled form of `identity`. An `Identity` is compiled once. */
  static compiled(identity: IdentityLike): CompiledIdentity {
    if (!(#compiled in identity)) {
      requireMembers(identity, MEMBERS, 'identity');
      return compile(identity);
    }
    identity.#compiled ??= compile(identity);
    return identity.#compiled;
  }
}

/**
 * Returns a compiled identity, which can be used for any number of keys.
 *
 * Paths are JSONPath (RFC 9535) with names, indexes, slices, `*` and `..`; negative numbers count from
 * the end of an array. A bare name means `$.name`.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_PATH` with the position, for any other path.
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for an unknown member or one of the wrong type,
 * `SAMEKEY_BAD_SCOPE`, `SAMEKEY_BAD_IDENTITY`.
 * @throws {RangeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_BAD_SCOPE`, `SAMEKEY_BAD_IDENTITY` for
 * values out of range.
 * @example
 * const identity = defineIdentity({ include: ['order_id', '$.items[*].sku'], scope: 'checkout' });
 * const order = { order_id: 7, items: [{ sku: 'A1', note: 'gift' }] };
 * keyOf(order, identity) === keyOf({ order_id: 7, items: [{ sku: 'A1' }] }, identity); // true
 */
export function defineIdentity(options: IdentityOptions): Identity {
  const own = options instanceof Identity ? { ...options } : options;
  requireMembers(own, MEMBERS, 'identity');
  const identity = new Identity(own);
  Identity.compiled(identity);
  return identity;
}

/** Returns the compiled identity. Without an identity everything is included. */
export function compileIdentity(identity: IdentityLike | undefined): CompiledIdentity {
  if (identity === undefined) return EVERYTHING;
  if (typeof identity !== 'object' || identity === null) {
    requireMembers(identity, MEMBERS, 'identity');
  }
  return Identity.compiled(identity);
}

/** Returns a copy in which a member of `Object.prototype` never becomes an option. */
function withoutPrototype<T>(options: T): T {
  return Object.assign(Object.create(null), options);
}

function compile(given: IdentityOptions): CompiledIdentity {
  const options = withoutPrototype(given);
  for (const [name, value] of Object.entries(options)) {
    // `scope: tenant?.id` that is undefined must not silently make keys that all tenants share.
    if (value === undefined && name !== 'secret') {
      refuse(TypeError, `${name} is undefined, wanted a value or no such member`);
    }
  }
  const include = options.include === undefined ? [] : toRules('include', options.include);
  if (options.include !== undefined && include.length === 0) {
    refuse(RangeError, 'include is an empty list, which leaves nothing to make a key of');
  }
  const exclude = options.exclude === undefined ? [] : toRules('exclude', options.exclude);
  const whole = exclude.find(({ path }) => path.segments.length === 0);
  if (whole !== undefined) refuse(RangeError, 'exclude names "$", which leaves nothing');
  const { paths, cache } = toReferences(options.refs);
  const scopes = options.scope === undefined ? [] : toScopes(options.scope);
  const inForce = withWindow(scopes, options.window);
  const fixed = options.window === undefined && scopes.length > 0 ? framePrefix(scopes) : undefined;
  return {
    format: toKeyFormat(options),
    maxDepth: toMaxDepth(options.maxDepth),
    bigNumbers: toBigNumbers(options.bigNumbers),
    selection: compileSelection([...exclude, ...include, ...toRules('reference', paths)]),
    include: include.map(({ path }) => path.text),
    cache,
    isMoving: options.window !== undefined,
    scopes: inForce,
    prefix: options.window === undefined ? () => fixed : () => framePrefix(inForce()),
  };
}

function refuse(Class: new (message: string) => Error, what: string): never {
  return fail(Class, 'SAMEKEY_BAD_IDENTITY', `Cannot define the identity: ${what}`);
}

const MEMBER_OF = { include: 'include', exclude: 'exclude', reference: 'refs' } as const;

function toRules(role: Role, paths: unknown): Rule[] {
  if (!Array.isArray(paths)) {
    return refuse(
      TypeError,
      `${MEMBER_OF[role]} is ${nameOf(paths)}, wanted a list of paths such as ["trace_id"]`,
    );
  }
  return paths.map((text) => ({ role, path: parsePath(text) }));
}

function toReferences(refs: IdentityOptions['refs']): {
  paths: readonly string[];
  cache: ReferenceCache | undefined;
} {
  if (refs === undefined) return { paths: [], cache: undefined };
  if (Array.isArray(refs)) return { paths: refs, cache: undefined };
  const own = withoutPrototype(refs);
  if (!('paths' in own)) {
    return refuse(TypeError, `refs is ${nameOf(refs)}, wanted a list of paths or { paths, cache }`);
  }
  requireMembers(refs, ['paths', 'cache'], 'refs');
  const { paths, cache } = own;
  if (typeof cache?.get !== 'function' || typeof cache?.set !== 'function') {
    refuse(TypeError, 'refs.cache has no get and set methods as a Map has');
  }
  return { paths, cache };
}

function withWindow(
  scopes: readonly string[],
  window: IdentityOptions['window'],
): () => readonly string[] {
  if (window === undefined) return () => scopes;
  if (typeof window !== 'object' || window === null) {
    refuse(TypeError, `window is ${nameOf(window)}, wanted { lengthMs, clock }`);
  }
  requireMembers(window, ['lengthMs', 'clock'], 'window');
  const { lengthMs, clock = Date.now } = withoutPrototype(window);
  if (typeof lengthMs !== 'number') {
    refuse(TypeError, `window.lengthMs is ${nameOf(lengthMs)}, wanted a whole number from 1`);
  }
  if (!Number.isSafeInteger(lengthMs) || lengthMs < 1) {
    refuse(RangeError, `window.lengthMs is ${lengthMs}, wanted a whole number from 1`);
  }
  if (typeof clock !== 'function') {
    refuse(
      TypeError,
      `window.clock is ${nameOf(clock)}, wanted a function that gives milliseconds`,
    );
  }
  return () => {
    const nowMs: unknown = clock();
    if (typeof nowMs !== 'number') {
      return refuse(TypeError, `window.clock gave ${nameOf(nowMs)}, wanted milliseconds`);
    }
    if (!Number.isFinite(nowMs)) {
      refuse(RangeError, `window.clock gave ${nowMs}, wanted milliseconds`);
    }
    return [...scopes, `window=${lengthMs}:${Math.floor(nowMs / lengthMs)}`];
  };
}
