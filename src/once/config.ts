import { fail } from '../errors/errors.js';
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
import { readOptions } from '../options/read.js';
import { type OptionSpec, shown } from '../options/spec.js';
import type { Store } from '../store/store.js';
import { configOptions, type IdempotencyConfig } from './config-options.js';
import type { OnceOptions } from './options.js';

export type { IdempotencyConfig } from './config-options.js';

/** A checked configuration, and functions that use it. */
export interface Idempotency {
  /** The configuration with its defaults, frozen. */
  readonly config: IdempotencyConfig;
  /** The part of a value that makes its key. */
  readonly identity: Identity;
  /** Returns the key of a JSON value. */
  keyOf(value: unknown): Key;
  /** Returns the key of a JSON text. */
  keyOfJson(text: string | Uint8Array): Key;
  /** Returns the header that carries a key, to be spread into others. A UUID gets no prefix. */
  headers(key: string): Record<string, string>;
  /** Returns the key in a header's value, with the prefix `ik_`. */
  parseHeader(value: string): Key;
  /** Returns options for `createOnce`. */
  onceOptions(store: Store): Omit<OnceOptions, 'codec'>;
}

/**
 * Checks a configuration and returns it with functions that use it.
 *
 * @throws {TypeError | RangeError | SyntaxError} `SAMEKEY_BAD_CONFIG` naming the member, its value
 * and the right values; `SAMEKEY_BAD_PATH` for a field that is not a path.
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
  const config = Object.freeze(settingsOf(options));
  const identity = defineIdentity({
    bits: config.bits,
    // For `keyOfJson`, which gets bodies. An int64 seed keeps its digits.
    bigNumbers: 'digits',
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
      const { onDuplicate, onUnknown, onUnreadable, onStoreError, onAbandoned } = config;
      return {
        store,
        ttlMs,
        leaseMs,
        maxResultBytes,
        storeTimeoutMs,
        onDuplicate,
        onUnknown,
        onUnreadable,
        onStoreError,
        onAbandoned,
        cache: { ttlMs: cacheTtlMs, maxEntries: cacheMaxEntries, maxBytes: cacheMaxBytes },
        ...(waitMs !== undefined && { waitMs }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      };
    },
  };
}

/** Variables with another meaning: the engine's choice, secrets, and those of the command line. */
const OTHER_VARIABLES = /^SAMEKEY_(?:ENGINE|CONFIG|SECRET\w*|STORE)$/;

/**
 * The names that Kubernetes gives to the variables of a service, in each container beside it: of one
 * that is named `samekey-proxy`, `SAMEKEY_PROXY_SERVICE_HOST` and so on.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_VARIABLES =
  /_SERVICE_(?:HOST|PORT)$|_SERVICE_PORT_|_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;

/**
 * Returns the settings in environment variables: `SAMEKEY_HEADER_NAME`, `SAMEKEY_TTL_MS` and so on.
 * Commas separate the items of a list. An empty variable counts as missing, and those that Kubernetes
 * sets for a service, such as `SAMEKEY_PROXY_SERVICE_HOST`, are not settings.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_CONFIG` for a variable that begins with `SAMEKEY_` and
 * is not a setting, or has a wrong value.
 * @example
 * configFromEnv({ SAMEKEY_TTL_MS: '60000', SAMEKEY_EXCLUDED_FIELDS: 'trace_id, $.user' });
 * // { ttlMs: 60000, excludedFields: ['trace_id', '$.user'] }
 */
export function configFromEnv(
  env: Readonly<Record<string, string | undefined>>,
): Partial<IdempotencyConfig> {
  const found: Record<string, unknown> = {};
  const names = Object.keys(configOptions) as (keyof IdempotencyConfig)[];
  const byVariable = new Map(names.map((name) => [variableOf(name), name]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('SAMEKEY_') || OTHER_VARIABLES.test(variable) || !text) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      if (isOfService(variable, text)) continue;
      return refuse(
        TypeError,
        variable,
        'is not a setting',
        `one of ${[...byVariable.keys()].join(', ')}`,
      );
    }
    found[name] = parsedText(configOptions[name], text);
  }
  return checked(found, variableOf);
}

/**
 * Returns the settings in a JSON text, such as the content of a file `samekey.json`.
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
    return refuse(
      SyntaxError,
      'the text',
      // V8 quotes a part of the text, with its line ends.
      `is not JSON (${(error as Error).message.replace(/\p{Cc}+/gu, ' ')})`,
      'an object',
    );
  }
  return checked(parsed as Partial<IdempotencyConfig>);
}

/** `SAMEKEY_PORT` is one of a service only with an address: a person would set a number. */
const isOfService = (variable: string, text: string) =>
  SERVICE_VARIABLES.test(variable) ||
  (variable.endsWith('_PORT') && /^(?:tcp|udp|sctp):/.test(text));

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

/** A variable's text as the value that its option has: a number, a list of texts, or that text. */
function parsedText({ kind, words }: OptionSpec, text: string): unknown {
  if (kind === 'text' || words) return text;
  if (kind !== 'textList') return /^\d+$/.test(text.trim()) ? Number(text) : text;
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

/** Checks settings and fills in the defaults; `nameFor` returns the name of a setting in messages. */
function settingsOf(
  options: Partial<IdempotencyConfig>,
  nameFor = (name: string) => name,
): IdempotencyConfig {
  return readOptions(configOptions, options, 'configuration', {
    code: 'SAMEKEY_BAD_CONFIG',
    nameFor,
    show: shown,
  });
}

/** Checks the given settings, and returns them without those that are undefined. */
function checked(
  options: Partial<IdempotencyConfig>,
  nameFor?: (name: string) => string,
): Partial<IdempotencyConfig> {
  settingsOf(options, nameFor);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
