import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { canonicalize, type Key, keyOf, scoped, sha256Hex } from '../index.js';
import { accountOf } from '../request/account.js';
import { countedHeaders } from '../request/counted-headers.js';
import type { CallKeySettings } from './options.js';

/**
 * What is used of the parameters of a call: the same in versions 2, 3 and 4 of the AI SDK's language
 * model specification. All other members count as they are.
 */
export interface CallParams {
  readonly abortSignal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly providerOptions?: Readonly<Record<string, object>> | undefined;
}

/** What one call asks for, in `providerOptions: { samekey: … }`; the provider does not see it. */
export interface CallRequestOptions {
  /** A new answer though there is one. */
  readonly fresh?: boolean;
  /** Which of several answers to the same prompt. */
  readonly sample?: number | string;
  /** Keeps equal calls apart, beside the middleware's own scope. */
  readonly scope?: string | readonly string[];
  /** W3C Trace Context of the call, for events. */
  readonly traceparent?: string;
}

/** A call without what is for this layer alone. */
export interface Call<P> {
  readonly params: P;
  readonly requestOptions: CallRequestOptions;
}

/**
 * Takes a caller's requestOptions, and its signal, out of the parameters.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for a wish that there is not.
 */
export function readCall<P extends CallParams>(given: P): Call<P> {
  const { samekey = {}, ...others } = given.providerOptions ?? {};
  requireMembers(samekey, ['fresh', 'sample', 'scope', 'traceparent'], 'providerOptions.samekey');
  const requestOptions = samekey as CallRequestOptions;
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
  const { abortSignal: _, providerOptions: __, ...rest } = given;
  const own = Object.keys(others).length > 0 ? { providerOptions: others } : undefined;
  const params = { ...rest, ...own } as unknown as P;
  return { params, requestOptions };
}

/** Returns the key of a call: of what is asked for, of whom, and by whom as far as that is known. */
export function keyOfCall<P extends CallParams>(
  type: 'generate' | 'stream',
  { provider, modelId }: { readonly provider: string; readonly modelId: string },
  { params, requestOptions }: Call<P>,
  { identity, scope, ignoredHeaders }: CallKeySettings,
): Key {
  const { headers, ...rest } = params;
  const sent = new Headers();
  for (const [name, value] of Object.entries(headers ?? {})) {
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

/** What stands for a value that is none of JSON's. */
const MARK = '$samekey';
/** A member of a caller's own that looks like it, so that it is never taken for one. */
const LIKE_MARK = /^\$+samekey$/;
/** More than an identity allows. */
const MAX_DEPTH = 1600;

/**
 * Parameters as JSON: without what is `undefined` or a function, files and addresses by content. What
 * is within itself, or too deep, is handed on as it is, to be refused with its path.
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
  // Whatever it is, it is refused with its path.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return value;
  const plain: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (isContent(member)) plain[LIKE_MARK.test(name) ? `$${name}` : name] = toJson(member, within);
  }
  return plain;
}

const isContent = (value: unknown) => value !== undefined && typeof value !== 'function';
