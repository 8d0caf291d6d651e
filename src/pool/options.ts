import type { IdentityLike } from '../index.js';
import { byteCount, choice, type OptionsOf, specs, value, wholeNumber } from '../options/spec.js';
import { toSendable } from './sendable-identity.js';

/** About what V8 can hold as one text. */
export const DEFAULT_MAX_LINE_BYTES = 2 ** 29;

const identity = /* @__PURE__ */ value<IdentityLike>('an identity without functions', (given) => {
  toSendable(given as IdentityLike);
  return undefined;
});

/** The options of `createPool`. */
export const poolOptions = /* @__PURE__ */ specs(() => ({
  /**
   * How many threads are started.
   * @defaultValue the number of cores
   */
  threads: wholeNumber({ min: 1, max: 1024 }),
  /**
   * The identity of calls that do not give one. It may not contain functions: `window.clock`, `refs.cache`.
   * @defaultValue the whole value
   */
  identity,
}));

/** The options of `createPool`. */
export interface PoolOptions extends OptionsOf<typeof poolOptions> {}

/** The options of `jsonLines`. */
export const jsonLinesOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The identity of the lines' values.
   * @defaultValue that of the pool
   */
  identity,
  /** Whether a line without a key is an error that ends the reading (`'throw'`) or a result (`'report'`). */
  onInvalid: choice('throw', 'report'),
  // A buffer holds 4 GiB at most.
  /** The longest line. A longer one is skipped and has no key. */
  maxLineBytes: byteCount({ default: DEFAULT_MAX_LINE_BYTES, min: 1, max: 2 ** 31 }),
}));

/** The options of `jsonLines`. */
export interface JsonLinesOptions extends OptionsOf<typeof jsonLinesOptions> {}
