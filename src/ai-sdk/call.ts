import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { canonicalize, type Key, keyOf, scoped, sha256Hex } from '../index.js';
import { own } from '../options/own.js';
import { aiSdkStateMembers } from '../providers/ai-sdk.js';
import { accountOf } from '../request/account.js';
import { countedHeaders } from '../request/counted-headers.js';
import type { CallKeySettings } from './options.js';

/**
 * The parameters of a call that the middleware uses: the same in versions 2, 3 and 4 of the AI SDK's
 * language model specification. All other members are part of the key.
 */
export interface CallParams {
  /** Aborts this caller. Not part of the key. */
  readonly abortSignal?: AbortSignal | undefined;
  /** Headers of the request. Those that differ between attempts are not part of the key. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** Options for the provider, and `samekey` for the middleware. */
  readonly providerOptions?: Readonly<Record<string, object>> | undefined;
}

/** The options of one call, in `providerOptions: { samekey: … }`. The provider does not receive them. */
export interface CallRequestOptions {
  /** A new answer, although one is stored. */
  readonly fresh?: boolean | undefined;
  /** The number of one of several answers to the same prompt. */
  readonly sample?: number | string | undefined;
  /** Separates equal calls, in addition to the middleware's scope. */
  readonly scope?: string | readonly string[] | undefined;
  /** W3C Trace Context of the call, for events. */
  readonly traceparent?: string | undefined;
}

/** Whether the meaning of a call is state at its provider, such as the turns of a conversation. */
export function isProviderState(params: CallParams): boolean {
  const providerOptions = own(params, 'providerOptions') ?? {};
  const options = Object.values(providerOptions) as Readonly<Record<string, unknown>>[];
  return options.some((given) =>
    aiSdkStateMembers.some((member) => {
      const state = given && own(given, member);
      // A container may be an object with skills, which is new unless it has an ID.
      const id = (state as { id?: unknown } | null | undefined)?.id ?? state;
      return typeof id === 'string' && id !== '';
    }),
  );
}

/** A call without the options of this layer. */
export interface Call<P> {
  readonly params: P;
  readonly requestOptions: CallRequestOptions;
}

/**
 * Removes the options of this layer, and the signal, from the parameters.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for an unknown option.
 */
export function readCall<P extends CallParams>(given: P): Call<P> {
  const providerOptions: Readonly<Record<string, object>> = own(given, 'providerOptions') ?? {};
  const { samekey: _, ...others } = providerOptions;
  const samekey = own(providerOptions, 'samekey') ?? {};
  requireMembers(samekey, ['fresh', 'sample', 'scope', 'traceparent'], 'providerOptions.samekey');
  const options = samekey as CallRequestOptions;
  const requestOptions = {
    fresh: own(options, 'fresh'),
    sample: own(options, 'sample'),
    scope: own(options, 'scope'),
    traceparent: own(options, 'traceparent'),
  };
  for (const [name, type] of [
    ['fresh', 'boolean'],
    ['traceparent', 'string'],
  ] as const) {
    const value: unknown = requestOptions[name];
    if (value === undefined || typeof value === type) continue;
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use providerOptions.samekey: ${name} is ${nameOf(value)}, wanted a ${type}`,
    );
  }
  const { abortSignal: __, providerOptions: ___, ...rest } = given;
  const kept = Object.keys(others).length > 0 ? { providerOptions: others } : undefined;
  const params = { ...rest, ...kept } as unknown as P;
  return { params, requestOptions };
}

/** Returns the key of a call: of its parameters, its model, and its account as far as it is known. */
export function keyOfCall<P extends CallParams>(
  type: 'generate' | 'stream',
  { provider, modelId }: { readonly provider: string; readonly modelId: string },
  { params, requestOptions }: Call<P>,
  { identity, scope, ignoredHeaders }: CallKeySettings,
): Key {
  const { headers: _, ...rest } = params;
  const headers = own(params, 'headers');
  const sent = new Headers();
  for (const [name, value] of Object.entries(
    (headers ?? {}) as NonNullable<CallParams['headers']>,
  )) {
    if (value !== undefined) sent.set(name, value);
  }
  const ignored = new Set(ignoredHeaders.map((name) => name.toLowerCase()));
  const { sample, scope: more = [] } = requestOptions;
  return scoped(
    [
      ...[scope].flat(),
      ...[more].flat(),
      'ai-sdk',
      type,
      provider,
      modelId,
      accountOf(sent),
      canonicalize(countedHeaders(sent, ignored)),
      ...(sample === undefined ? [] : [`sample ${sample}`]),
    ],
    keyOf(toJson(rest, []), identity),
  );
}

/** Marks a replacement for a value that JSON does not have. */
const MARK = '$samekey';
/** Escapes a member of the caller that looks like such a mark. */
const LIKE_MARK = /^\$+samekey$/;
/** More than an identity allows. */
const MAX_DEPTH = 1600;

/**
 * Converts parameters to JSON values: without `undefined` and functions, with files and URLs by content.
 * Cycles and values nested too deeply pass unchanged, and `keyOf` refuses them with their path.
 */
function toJson(value: unknown, around: readonly object[]): unknown {
  if (typeof value === 'bigint') return { [MARK]: 'bigint', value: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (around.length > MAX_DEPTH || around.includes(value)) return value;
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return toJson(buffer.slice(byteOffset, byteOffset + byteLength), around);
  }
  if (value instanceof ArrayBuffer) {
    return { [MARK]: 'bytes', value: sha256Hex(new Uint8Array(value)) };
  }
  if (value instanceof URL) return { [MARK]: 'url', value: value.href };
  if (value instanceof Date) return { [MARK]: 'date', value: value.getTime() };
  const within = [...around, value];
  if (Array.isArray(value)) {
    return value.map((each) => toJson(isContent(each) ? each : null, within));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // `keyOf` refuses it with its path.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return value;
  const plain: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (isContent(member)) plain[LIKE_MARK.test(name) ? `$${name}` : name] = toJson(member, within);
  }
  return plain;
}

const isContent = (value: unknown) => value !== undefined && typeof value !== 'function';
