import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import {
  defineIdentity,
  type Identity,
  identities,
  isKey,
  type Key,
  keyOf,
  keyOfJson,
  parseKey,
} from '../index.js';
import type { Store } from '../store/store.js';
import type { OnceOptions } from './options.js';

/** Everything about idempotency that a program configures, in one place. Each has a default. */
export interface IdempotencyConfig {
  /** The header that carries the key; `Idempotency-Key`. */
  readonly headerName: string;
  /** What a key begins with outside this program; `ik_`. Inside and in stores it is always that. */
  readonly keyPrefix: string;
  /** The presets whose fields play no part, such as `['openai']`; none. */
  readonly presets: readonly (keyof typeof identities)[];
  /** Paths of further fields that play no part; none. */
  readonly excludedFields: readonly string[];
  /** Paths of the only fields that do; all. */
  readonly includedFields: readonly string[];
  /** Tenant, environment, …, which keep equal requests apart; none. */
  readonly scope: readonly string[];
  /** 256, or 128 for keys of 35 characters. */
  readonly bits: 256 | 128;
  /** How long a result is kept in the store; 24 hours. */
  readonly ttlMs: number;
  /** How long an owner may be silent; 30 seconds. */
  readonly leaseMs: number;
  /** How long a result is kept in this process, 5 minutes, how many are, 1000, and in how many bytes, 32 MiB. */
  readonly cacheTtlMs: number;
  readonly cacheMaxEntries: number;
  readonly cacheMaxBytes: number;
  readonly maxResultBytes: number;
  readonly storeTimeoutMs: number;
  readonly onDuplicate: 'join' | 'reject';
  readonly onUnknown: 'retry' | 'hold';
  readonly onStoreError: 'fail' | 'run';
  readonly onAbandoned: 'keep' | 'abort';
  /** Without end, both, unless given. */
  readonly waitMs: number | undefined;
  readonly timeoutMs: number | undefined;
}

const PRESETS = Object.keys(identities) as (keyof typeof identities)[];

/** How each member is read: as text, a list, a number, or one of some words. */
const KINDS: {
  readonly [Name in keyof IdempotencyConfig]: 'text' | 'list' | 'number' | readonly string[];
} = {
  headerName: 'text',
  keyPrefix: 'text',
  presets: 'list',
  excludedFields: 'list',
  includedFields: 'list',
  scope: 'list',
  bits: 'number',
  ttlMs: 'number',
  leaseMs: 'number',
  cacheTtlMs: 'number',
  cacheMaxEntries: 'number',
  cacheMaxBytes: 'number',
  maxResultBytes: 'number',
  storeTimeoutMs: 'number',
  onDuplicate: ['join', 'reject'],
  onUnknown: ['retry', 'hold'],
  onStoreError: ['fail', 'run'],
  onAbandoned: ['keep', 'abort'],
  waitMs: 'number',
  timeoutMs: 'number',
};

const NAMES = Object.keys(KINDS) as (keyof IdempotencyConfig)[];

const DEFAULTS: IdempotencyConfig = {
  headerName: 'Idempotency-Key',
  keyPrefix: 'ik_',
  presets: [],
  excludedFields: [],
  includedFields: [],
  scope: [],
  bits: 256,
  ttlMs: 24 * 60 * 60 * 1000,
  leaseMs: 30_000,
  cacheTtlMs: 5 * 60 * 1000,
  cacheMaxEntries: 1000,
  cacheMaxBytes: 32 * 1024 * 1024,
  maxResultBytes: 16 * 1024 * 1024,
  storeTimeoutMs: 5000,
  onDuplicate: 'join',
  onUnknown: 'retry',
  onStoreError: 'fail',
  onAbandoned: 'keep',
  waitMs: undefined,
  timeoutMs: undefined,
};

/** A checked configuration, and what follows from it. */
export interface Idempotency {
  readonly config: IdempotencyConfig;
  readonly identity: Identity;
  /** The key of a JSON value, and of a JSON text. */
  keyOf(value: unknown): Key;
  keyOfJson(text: string | Uint8Array): Key;
  /** The header that carries a key, to be spread into others; a UUID has no prefix. */
  headers(key: string): Record<string, string>;
  /** The key in a header's value, whose prefix it takes back. */
  parseHeader(value: string): Key;
  /** Options for `createOnce`. */
  onceOptions(store: Store): OnceOptions;
}

/**
 * Returns a configuration, checked, with what follows from it.
 *
 * @throws {TypeError | RangeError | SyntaxError} `SAMEKEY_BAD_CONFIG` naming the member, what it is
 * and what would be right; `SAMEKEY_BAD_PATH` for a field that is no path.
 * @example
 * const { keyOf: keyOfRequest, headers } = idempotency({
 *   keyPrefix: 'idem_',
 *   excludedFields: ['trace_id'],
 * });
 * const key = keyOfRequest({ order: 7, trace_id: 'a' });
 * key === keyOfRequest({ order: 7, trace_id: 'b' }); // true
 * headers(key); // { 'Idempotency-Key': 'idem_8bcbac…' }
 */
export function idempotency(options: Partial<IdempotencyConfig> = {}): Idempotency {
  const config = Object.freeze({ ...DEFAULTS, ...checked(options, (name) => name) });
  const identity = defineIdentity({
    bits: config.bits,
    ...(config.scope.length > 0 && { scope: config.scope }),
    ...(config.includedFields.length > 0 && { include: config.includedFields }),
    exclude: [
      ...config.presets.flatMap((preset) => identities[preset].exclude ?? []),
      ...config.excludedFields,
    ],
  });
  const { headerName, keyPrefix } = config;
  return {
    config,
    identity,
    keyOf: (value) => keyOf(value, identity),
    keyOfJson: (text) => keyOfJson(text, identity),
    headers: (key) => ({ [headerName]: isKey(key) ? keyPrefix + parseKey(key).hex : key }),
    parseHeader(value) {
      const text = /^"(.*)"$/.exec(value)?.[1] ?? value;
      return text.startsWith(keyPrefix) && !isKey(text)
        ? parseKey(`ik_${text.slice(keyPrefix.length)}`).key
        : parseKey(text).key;
    },
    onceOptions: (store) => {
      const { cacheTtlMs, cacheMaxEntries, cacheMaxBytes, waitMs, timeoutMs } = config;
      const { ttlMs, leaseMs, maxResultBytes, storeTimeoutMs } = config;
      const { onDuplicate, onUnknown, onStoreError, onAbandoned } = config;
      return {
        store,
        ttlMs,
        leaseMs,
        maxResultBytes,
        storeTimeoutMs,
        onDuplicate,
        onUnknown,
        onStoreError,
        onAbandoned,
        cache: { ttlMs: cacheTtlMs, maxEntries: cacheMaxEntries, maxBytes: cacheMaxBytes },
        ...(waitMs !== undefined && { waitMs }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      };
    },
  };
}

/** Variables that are somebody else's: the engine's choice, and secrets. */
const OTHER_VARIABLES = /^SAMEKEY_(?:ENGINE|CONFIG|SECRET\w*)$/;

/**
 * Returns the members that environment variables give: `SAMEKEY_HEADER_NAME`, `SAMEKEY_TTL_MS` and
 * so on; a list has commas in it.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_CONFIG` for a variable that begins with `SAMEKEY_` and
 * is none of these, or has no such value.
 * @example
 * configFromEnv({ SAMEKEY_TTL_MS: '60000', SAMEKEY_EXCLUDED_FIELDS: 'trace_id, $.user' });
 * // { ttlMs: 60000, excludedFields: ['trace_id', '$.user'] }
 */
export function configFromEnv(
  env: Readonly<Record<string, string | undefined>>,
): Partial<IdempotencyConfig> {
  const found: Record<string, unknown> = {};
  const byVariable = new Map(NAMES.map((name) => [variableOf(name), name]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('SAMEKEY_') || OTHER_VARIABLES.test(variable) || !text) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      return refuse(
        TypeError,
        variable,
        'is no setting',
        `one of ${[...byVariable.keys()].join(', ')}`,
      );
    }
    const kind = KINDS[name];
    if (kind === 'list')
      found[name] = text
        .split(',')
        .map((each) => each.trim())
        .filter(Boolean);
    else found[name] = kind === 'number' && /^\d+$/.test(text.trim()) ? Number(text) : text;
  }
  return checked(found, variableOf);
}

/**
 * Returns the members that a JSON text gives, the content of a file such as `samekey.json`.
 *
 * @throws {SyntaxError | TypeError | RangeError} `SAMEKEY_BAD_CONFIG`.
 * @example
 * configFromJson('{ "leaseMs": 10000 }'); // { leaseMs: 10000 }
 */
export function configFromJson(text: string): Partial<IdempotencyConfig> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return refuse(SyntaxError, 'the text', `is no JSON (${(error as Error).message})`, 'an object');
  }
  return checked(parsed as Partial<IdempotencyConfig>, (name) => name);
}

/** `cacheTtlMs` → `SAMEKEY_CACHE_TTL_MS`. */
function variableOf(name: string): string {
  return `SAMEKEY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function refuse(
  Class: new (message: string) => Error,
  name: string,
  what: string,
  wanted: string,
): never {
  return fail(
    Class,
    'SAMEKEY_BAD_CONFIG',
    `Cannot use the configuration: ${name} ${what}, wanted ${wanted}`,
  );
}

const shown = (value: unknown) =>
  typeof value === 'string'
    ? quote(value)
    : typeof value === 'number'
      ? String(value)
      : nameOf(value);

/** Checks the members that are there; `nameFor` is what a member is called where it came from. */
function checked(
  options: Partial<IdempotencyConfig>,
  nameFor: (name: string) => string,
): Partial<IdempotencyConfig> {
  requireMembers(options, NAMES, 'configuration');
  const members = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of members) {
    const kind = KINDS[name as keyof IdempotencyConfig];
    const label = nameFor(name);
    const wrong = (wanted: string, Class: new (message: string) => Error = TypeError): never =>
      refuse(Class, label, `is ${shown(value)}`, wanted);
    if (kind === 'text') {
      if (typeof value !== 'string') wrong('text');
    } else if (kind === 'number') {
      if (typeof value !== 'number') wrong('a whole number');
      if (!Number.isSafeInteger(value) || (value as number) < 0)
        wrong('a whole number from 0', RangeError);
    } else if (kind === 'list') {
      if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
        wrong('a list of texts');
    } else if (!kind.includes(value as string)) {
      wrong(
        kind.map((each) => quote(each)).join(' or '),
        typeof value === 'string' ? RangeError : TypeError,
      );
    }
  }
  const found = Object.fromEntries(members) as Partial<IdempotencyConfig>;
  const { headerName, keyPrefix, presets = [], bits } = found;
  // RFC 9110 §5.6.2: a token. A prefix may stand in a header, a log and a batch id alike.
  if (headerName !== undefined && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(headerName)) {
    refuse(RangeError, nameFor('headerName'), `is ${shown(headerName)}`, 'the name of a header');
  }
  if (keyPrefix !== undefined && !/^[a-zA-Z][a-zA-Z0-9_-]{0,15}$/.test(keyPrefix)) {
    refuse(
      RangeError,
      nameFor('keyPrefix'),
      `is ${shown(keyPrefix)}`,
      '1 to 16 letters, digits, "_" and "-", such as "idem_"',
    );
  }
  for (const preset of presets) {
    if (!PRESETS.includes(preset)) {
      refuse(
        RangeError,
        nameFor('presets'),
        `has ${shown(preset)}`,
        `some of ${PRESETS.join(', ')}`,
      );
    }
  }
  if (bits !== undefined && bits !== 256 && bits !== 128) {
    refuse(RangeError, nameFor('bits'), `is ${shown(bits)}`, '256 or 128');
  }
  return found;
}
