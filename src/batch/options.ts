import type { OnceEvent } from '../once/index.js';
import { nested } from '../options/nested.js';
import {
  byteCount,
  choice,
  duration,
  flag,
  func,
  instance,
  type OptionsOf,
  required,
  specs,
  text,
  wholeNumber,
} from '../options/spec.js';
import { identityOption } from '../request/options.js';
import { encryptionOnly } from '../response/options.js';
import type { Store } from '../store/store.js';
import type { BatchOutcome } from './outcome.js';
import type { BatchResult } from './record.js';
import type { BatchProvider } from './request.js';

/** As long as providers keep the results of a batch, 29 and 30 days. */
export const DEFAULT_TTL_MS = 30 * 24 * 60 * 60 * 1000;

const store = /* @__PURE__ */ specs(() =>
  required(
    instance<Store>('a store such as memoryStore()', 'claim', 'complete', 'release', 'read'),
  ),
);

/** Any time: nothing waits for it with a timer. */
const anyTime = (defaultMs: number) =>
  duration({ default: defaultMs, min: 1, max: Number.MAX_SAFE_INTEGER });

const limitOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The most requests of one batch.
   * @defaultValue the provider's limit
   */
  maxRequests: wholeNumber({ min: 1 }),
  /**
   * The most bytes of one batch.
   * @defaultValue the provider's limit
   */
  maxBytes: byteCount({ min: 1 }),
}));

/** The options of `planBatch`. */
export const planOptions = /* @__PURE__ */ specs(() => ({
  /** Where claims and results are stored. */
  store,
  /** The provider that the batches are for. */
  provider: required(choice<BatchProvider>('anthropic', 'openai')),
  /**
   * The part of a request's body that identifies it.
   * @defaultValue the provider's preset
   */
  identity: identityOption,
  /** How long the batches may take to be created before another process may plan their items. */
  leaseMs: anyTime(60 * 60 * 1000),
  /** How long results are stored, and how long a request that was sent is not sent again. */
  ttlMs: anyTime(DEFAULT_TTL_MS),
  /** Limits of one batch that are smaller than the provider's. */
  limits: nested(limitOptions),
  /**
   * Checks whether the stored results can be read: the codec of `recordResults`. Without it, encrypted
   * results count as finished.
   * @defaultValue none
   */
  codec: encryptionOnly,
  /** Whether a request whose stored result cannot be read is in no batch (`'hold'`), or is sent again (`'retry'`). */
  onUnreadable: choice('hold', 'retry'),
}));

/** The options of `planBatch`. */
export interface PlanOptions extends OptionsOf<typeof planOptions> {}

/** The options of `createBatch` and `settleBatch`. */
export const createOptions = /* @__PURE__ */ specs(() => ({
  /** Where claims and results are stored. */
  store,
  /** How long the process that creates the batch may stay silent before another one may continue. */
  leaseMs: duration({ default: 30_000, min: 10 }),
  /** How long a batch whose creation was interrupted may take to appear in the provider's list. */
  settleMs: anyTime(30_000),
  /** How long the id of the batch is stored: at least until the requests of the plan may be sent again. */
  ttlMs: anyTime(DEFAULT_TTL_MS),
  /** Receives each event of the creation, as that of `createOnce` does. An error that it throws is ignored. */
  onEvent: func<(event: OnceEvent) => void>(),
}));

/** The options of `createBatch` and `settleBatch`. */
export interface CreateOptions extends OptionsOf<typeof createOptions> {}

/** The options of `recordResults`. */
export const recordOptions = /* @__PURE__ */ specs(() => ({
  /** Where claims and results are stored. */
  store,
  /** Receives each result when it is stored, in any order, and again if it is recorded again. */
  onResult: func<(result: BatchResult) => void | Promise<void>>(),
  /**
   * Selects failures to store as results, so that they are not sent again. It selects none if it throws or is an `async` function.
   * @defaultValue none
   */
  storeErrors: func<(result: BatchOutcome) => boolean>(() => false),
  /**
   * Encrypts the stored results: `encryptedCodec({ keys })`. Its own `codec` is not used.
   * @defaultValue none
   */
  codec: encryptionOnly,
  /** The name of the results in messages, such as the name of their file. */
  source: text({}),
  /** How long results are stored. */
  ttlMs: anyTime(DEFAULT_TTL_MS),
}));

/** The options of `recordResults`. */
export interface RecordOptions extends OptionsOf<typeof recordOptions> {}

/** The options of `resultsOf`. */
export const resultsOptions = /* @__PURE__ */ specs(() => ({
  /** Where claims and results are stored. */
  store,
  /**
   * Decrypts the stored results: the codec of `recordResults`.
   * @defaultValue none
   */
  codec: encryptionOnly,
  /** How often the store is read while results are missing. */
  pollMs: duration({ default: 5000, min: 1 }),
  /** Whether to wait for results that are missing. Otherwise they are left out. */
  wait: flag(true),
  /** Ends the wait. */
  signal: instance<AbortSignal>('an AbortSignal', 'throwIfAborted'),
}));

/** The options of `resultsOf`. */
export interface ResultsOptions extends OptionsOf<typeof resultsOptions> {}

/** The options of `dropBatch`. */
export const dropOptions = /* @__PURE__ */ specs(() => ({
  /** Where claims and results are stored. */
  store,
}));

/** The options of `dropBatch`. */
export interface DropOptions extends OptionsOf<typeof dropOptions> {}
