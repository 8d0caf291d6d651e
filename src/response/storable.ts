/** Which responses are stored: what `storeResponses` says, before and after the body has arrived. */
import { decoder } from '../engine/utf8.js';
import { ignoreRejection } from '../options/callbacks.js';
import type { Verdict } from '../providers/provider.js';
import type { Judgement } from './answer.js';
import { BrokenResponseError, ResponseNotKeptError } from './errors.js';
import { toValue } from './json-reader.js';
import { headersOf, type ResponseHead } from './response-data.js';
import type { StoredResponse } from './stored-response.js';

/** What `storeResponses` decides by, at the end of a response. */
export interface ResponseInfo {
  /** The HTTP status. */
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Headers;
  /** The URL of the response, after redirects. */
  readonly url: string;
  /**
   * What the response is: `complete`; `failed`, by its status or because it says so; or `unknown`, for
   * an API whose answers samekey does not know. A `broken` response is never stored.
   */
  readonly verdict: Verdict;
  /** The parsed body; `undefined` if it is not one JSON document. It is parsed when it is first read. */
  readonly json: unknown;
}

export interface StorageRules {
  readonly maxBytes: number;
  readonly isStored: (response: ResponseInfo) => boolean;
}

/**
 * Decides about a response with an error status before its body arrives, because a retry must neither
 * join it nor wait for it. Returns `undefined` if `storeResponses` needs the body, and for all other
 * responses.
 */
export function isStoredEarly(
  response: ResponseHead,
  { isStored }: StorageRules,
): boolean | undefined {
  if (response.status < 400) return undefined;
  let needsBody = false;
  const { status, headers, url } = response;
  try {
    const answer = isStored({
      status,
      headers: headersOf(headers),
      url,
      get verdict() {
        needsBody = true;
        return 'failed' as const;
      },
      get json() {
        needsBody = true;
        return undefined;
      },
    });
    ignoreRejection(answer);
    return needsBody ? undefined : answer === true;
  } catch {
    // Its caller must not lose the response to a fault of the option.
    return needsBody ? undefined : false;
  }
}

/** What is known of a response at its end. */
interface Ended {
  /** What was decided before the body arrived. */
  readonly isStoredEarly: boolean | undefined;
  readonly judgement: Judgement;
  /** The whole response. It is missing if the response was longer than `maxBytes`. */
  readonly stored: StoredResponse | undefined;
}

/**
 * Returns the response to store.
 *
 * @throws {HttpError} for a response that is not stored.
 */
export function toStore(
  key: string,
  response: ResponseHead,
  { isStoredEarly, judgement: { verdict, why }, stored }: Ended,
  { maxBytes, isStored }: StorageRules,
): StoredResponse {
  if (verdict === 'broken') throw new BrokenResponseError(key, why);
  if (stored === undefined) throw tooLong(key, response, maxBytes);
  const hasError = verdict === 'failed' && response.status < 400;
  const info = new Info(response, toVerdict(response, verdict), stored.body);
  if (!hasError && (isStoredEarly ?? isChosen(key, info, isStored))) return stored;
  throw why === '' ? notStored(key, response) : new ResponseNotKeptError(key, response.status, why);
}

/** @throws {ResponseNotKeptError} if `storeResponses` throws. */
function isChosen(key: string, info: ResponseInfo, isStored: StorageRules['isStored']): boolean {
  try {
    const answer = isStored(info);
    ignoreRejection(answer);
    // Must be strictly `true`: a promise from an async predicate does not count.
    return answer === true;
  } catch (error) {
    const { message } = (error ?? {}) as { message?: unknown };
    throw new ResponseNotKeptError(key, info.status, `storeResponses threw (${message})`, error);
  }
}

/** Responses with an error status have failed, whatever their body says. */
const toVerdict = ({ status }: ResponseHead, verdict: Verdict): Verdict =>
  status >= 400 && verdict !== 'broken' ? 'failed' : verdict;

/** Makes `Headers` and parses the body only for a `storeResponses` that reads them. */
class Info implements ResponseInfo {
  readonly status: number;
  readonly url: string;
  readonly verdict: Verdict;
  readonly #lines: ResponseHead['headers'];
  readonly #body: Uint8Array;
  #headers: Headers | undefined;
  #parsed: { readonly json: unknown } | undefined;

  constructor({ status, headers, url }: ResponseHead, verdict: Verdict, body: Uint8Array) {
    this.status = status;
    this.url = url;
    this.verdict = verdict;
    this.#lines = headers;
    this.#body = body;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#lines);
    return this.#headers;
  }

  get json(): unknown {
    this.#parsed ??= { json: toValue(decoder.decode(this.#body).replace(/^\ufeff/, '')) };
    return this.#parsed.json;
  }
}

export const notStored = (key: string, { status }: ResponseHead) =>
  new ResponseNotKeptError(key, status, `its status is ${status}`);

export const tooLong = (key: string, { status }: ResponseHead, maxBytes: number) =>
  new ResponseNotKeptError(key, status, `it is longer than ${maxBytes} bytes (maxResultBytes)`);
