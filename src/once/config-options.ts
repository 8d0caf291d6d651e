import { identities } from '../index.js';
import { headerOptions } from '../key/header-options.js';
import { joined, listOf, only, type SettingsOf, specs, textList, value } from '../options/spec.js';
import { cacheOptions, onceOptions, unknownDecision } from './options.js';

type Preset = keyof typeof identities;

const PRESETS = /* @__PURE__ */ Object.keys(identities);

const keyOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The presets whose fields do not count, such as `['openai']`.
   * @defaultValue none
   */
  presets: {
    ...listOf<Preset>(`some of ${PRESETS.join(', ')}`, [], (preset) =>
      PRESETS.includes(preset as Preset)
        ? undefined
        : [typeof preset === 'string' ? RangeError : TypeError],
    ),
    kind: 'textList' as const,
  },
  /**
   * Paths of more fields that do not count.
   * @defaultValue none
   */
  excludedFields: textList('a list of texts'),
  /**
   * Paths of the only fields that count.
   * @defaultValue all fields
   */
  includedFields: textList('a list of texts'),
  /**
   * Tenant, environment, …: equal requests in different scopes have different keys.
   * @defaultValue none
   */
  scope: textList('a list of texts'),
  /** The bits of a key: 256, or 128 for keys of 35 characters. */
  bits: value<256 | 128>(
    '256 or 128',
    (bits) =>
      bits === 256 || bits === 128
        ? undefined
        : [typeof bits === 'number' ? RangeError : TypeError],
    256,
  ),
  /** Whether the next caller of a key whose last run has an unknown outcome runs it again (`'retry'`) or is rejected until `evict` (`'hold'`). */
  onUnknown: unknownDecision,
  /** How long this process caches a result. An `evict` in another process does not clear this cache: this process may return the old result for that long. */
  cacheTtlMs: cacheOptions.ttlMs,
  /** The most results that this process caches. */
  cacheMaxEntries: cacheOptions.maxEntries,
  /** The most bytes that this process caches. */
  cacheMaxBytes: cacheOptions.maxBytes,
}));

/** The options of `createOnce` that are plain data, and so may stand in a file. */
const SHARED = [
  'ttlMs',
  'leaseMs',
  'maxResultBytes',
  'storeTimeoutMs',
  'onDuplicate',
  'onUnreadable',
  'onStoreError',
  'onAbandoned',
  'waitMs',
  'timeoutMs',
] as const;

/** The settings of `idempotency`, of a file and of the environment. */
export const configOptions: typeof headerOptions &
  Pick<typeof onceOptions, (typeof SHARED)[number]> &
  typeof keyOptions = /* @__PURE__ */ specs(() =>
  joined(headerOptions, only(onceOptions, ...SHARED), keyOptions),
);

/** Everything about idempotency that a program configures, in one place. */
export interface IdempotencyConfig extends SettingsOf<typeof configOptions> {}
