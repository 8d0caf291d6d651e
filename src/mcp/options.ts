import { onceOptions } from '../once/options.js';
import {
  duration,
  flag,
  func,
  joined,
  LONGEST_TTL_MS,
  type OptionsOf,
  type SettingsOf,
  specs,
  text,
  without,
} from '../options/spec.js';
import { identityOption, identityOptions } from '../request/options.js';
import { encryptionOnly } from '../response/options.js';
import type { CallExtra, ToolResult } from './call.js';

const ownOptions = /* @__PURE__ */ specs(() => ({
  /**
   * Encrypts the stored results: `encryptedCodec({ keys })`. Its own `codec` is not used.
   * @defaultValue none
   */
  codec: encryptionOnly,
  /**
   * Returns the account that calls, which is part of each key; `undefined` for the default.
   * @defaultValue a digest of the access token, or of the credentials in the HTTP headers
   */
  account: func<(extra: never) => string | undefined>(),
  /**
   * Tenant, environment, …: equal calls in different scopes have different keys.
   * @defaultValue none
   */
  scope: identityOptions.scope,
  /** The member of a call's `_meta` that carries a key of the caller. */
  metaName: text({ default: 'idempotencyKey', pattern: /^.+$/, wanted: 'the name of a member' }),
}));

const REPLACED = ['codec', 'savingOf', 'storeErrors'] as const;

/** The options of `idempotentTools`. */
export const toolsOptions: Omit<typeof onceOptions, (typeof REPLACED)[number]> & typeof ownOptions =
  /* @__PURE__ */ specs(() => joined(without(onceOptions, ...REPLACED), ownOptions));

/** The options of `idempotentTools`. `Extra` is the second argument of a tool's handler. */
export interface IdempotentToolsOptions<Extra = CallExtra> extends OptionsOf<typeof toolsOptions> {
  readonly account?: (extra: Extra) => string | undefined;
}

export const handlerOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The arguments that identify the operation, such as `{ include: ['order_id', 'amount'] }`. A model rephrases the others at each call.
   * @defaultValue all arguments
   */
  identity: { ...identityOption, wanted: 'an identity such as { include: ["order_id"] }' },
  /** Whether a call without a key of the caller gets one, derived from its arguments. With `false` it runs as without samekey, and `idempotentHint` is `false`. */
  deriveKey: flag(true),
  /**
   * How long a result of this tool is stored and replayed.
   * @defaultValue that of `idempotentTools`
   */
  ttlMs: duration({ min: 1, max: LONGEST_TTL_MS }),
  /**
   * Selects the results to store and replay.
   * @defaultValue those without `isError: true`
   */
  storeResults: func<(result: ToolResult) => boolean>(({ isError }) => isError !== true),
}));

/** The options of one tool. */
export interface IdempotentToolOptions extends OptionsOf<typeof handlerOptions> {}

export type ToolSettings = SettingsOf<typeof handlerOptions>;
