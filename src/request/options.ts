import { defineIdentity, type IdentityLike, scoped } from '../index.js';
import { headerOptions } from '../key/header-options.js';
import {
  choice,
  either,
  flag,
  func,
  joined,
  type OptionsOf,
  type SettingsOf,
  specs,
  text,
  textList,
  value,
} from '../options/spec.js';
import { sentAccount } from './account.js';

/** The keys that callers may use: those of samekey, UUIDs, or those that match the expression. */
export type KeyFormat = 'samekey' | 'uuid' | RegExp;

const quotedOption = /* @__PURE__ */ specs(() => ({
  /** Whether the key is written in quotes, as a Structured Field String (draft-ietf-httpapi-idempotency-key-header-07). Most servers read it bare. */
  quoted: flag(false),
}));

export const keyHeaderOptions: typeof headerOptions & typeof quotedOption = /* @__PURE__ */ specs(
  () => joined(headerOptions, quotedOption),
);

/** How a key is written in a header. */
export interface KeyHeaderOptions extends OptionsOf<typeof keyHeaderOptions> {}

export type KeyHeaderSettings = SettingsOf<typeof keyHeaderOptions>;

/** The names of headers (RFC 9110 §5.6.2), without `*`: a name is ignored as a whole. */
export const headerNames = (wanted: string) =>
  textList(wanted, [], /^(?!-)[!#$%&'+.^_`|~0-9A-Za-z-]+$/);

/** A check of its own, for products that take no other option of these. */
export const identityOption = /* @__PURE__ */ value<IdentityLike>(
  'an identity such as identities.openai',
  (given) => {
    defineIdentity(given as IdentityLike);
    return undefined;
  },
);

/** The options that define which requests are equal. */
export const identityOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The part of a JSON body that identifies the request, such as `identities.openai`.
   * @defaultValue the whole body
   */
  identity: identityOption,
  /**
   * Tenant, environment, …: equal requests in different scopes have different keys.
   * @defaultValue none
   */
  scope: value<string | readonly string[]>(
    'text or a list of texts',
    (given) => {
      if (!Array.isArray(given) || given.length > 0) scoped(given as string, '');
      return undefined;
    },
    [],
  ),
  /**
   * More headers that differ between two attempts of one request, and so do not count.
   * @defaultValue none
   */
  ignoredHeaders: headerNames('a list of header names such as ["x-attempt"]'),
}));

const accountOption = /* @__PURE__ */ specs(() => ({
  /**
   * The account that sends the request. Set it where credentials change between two attempts.
   * @defaultValue a digest of the request's credentials
   */
  account: either(func<(headers: Headers) => string>(sentAccount), text({})),
}));

export const requestKeyOptions: typeof identityOptions & typeof accountOption =
  /* @__PURE__ */ specs(() => joined(identityOptions, accountOption));

/** How the key of a request is derived. */
export interface RequestKeyOptions extends OptionsOf<typeof requestKeyOptions> {}

export type RequestKeySettings = SettingsOf<typeof requestKeyOptions>;

/** The methods of requests that are not idempotent by definition (RFC 9110 §9.2.2, RFC 5789). */
export const methods = /* @__PURE__ */ textList('a list of methods such as ["POST", "PATCH"]', [
  'POST',
  'PATCH',
]);

export const keyFormat = /* @__PURE__ */ value<KeyFormat>(
  '"samekey", "uuid" or a RegExp',
  (given) =>
    given === 'samekey' || given === 'uuid' || given instanceof RegExp
      ? undefined
      : [typeof given === 'string' ? RangeError : TypeError],
);

/** What to do with requests whose meaning is state at their provider. */
export const providerState = /* @__PURE__ */ choice('join', 'store', 'pass');
