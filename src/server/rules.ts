import { fail, nameOf } from '../errors/errors.js';
import { defineIdentity, type IdentityLike, scoped } from '../index.js';
import type { AbortSource } from '../once/abort.js';
import type { OnceEvent } from '../once/index.js';
import { whole } from '../once/options.js';
import { accountOf } from '../request/account.js';
import { KeyHeader } from '../request/key-header.js';
import type { ResponseInfo } from '../response/arriving-response.js';
import { type ExchangeOptions, Exchanges } from '../response/exchanges.js';
import { checkServerOptions, type ServerControls, type ServerOptions } from './options.js';
import { fingerprintOf, type Payload } from './payload.js';
import { codeOf, refusal, refusalOf } from './problem.js';

/** What of a request comes before its body. */
export interface IncomingHead {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: Headers;
}

/** A request that is processed at most once, as far as its head says. */
export interface Admission {
  readonly headers: Headers;
  readonly search: string;
  /** What it is looked up by beside its key. */
  readonly scope: readonly string[];
  /** `undefined` if it is to be made of the body. */
  readonly sentKey: string | undefined;
}

/** How an admitted request is answered. */
export interface Processing {
  readonly payload: Payload;
  /** Aborts when the client is gone. */
  readonly signal: AbortSource | undefined;
  readonly onStart?: ((settled: Promise<void>) => void) | undefined;
  /** What was set before for the response to this request, and not for those that are the same. */
  readonly before?: Headers | undefined;
  /** The handler. Called at most once. */
  readonly run: (signal: AbortSignal) => Promise<Response>;
}

/** What a handler threw, which is for those who wait for it, and no matter of this layer. */
class HandlerFailure {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

const OWN_MEMBERS = [
  'methods',
  'applies',
  'required',
  'deriveKey',
  'account',
  'keyFormat',
  'headerName',
  'keyPrefix',
  'quoted',
  'identity',
  'scope',
  'maxBodyBytes',
] as const;

/** What describes a body, and so goes with it. */
export const OF_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
  'etag',
  'last-modified',
]);

/**
 * A 4xx says that nothing was done, for a reason that may be gone at the next attempt. A 5xx that is
 * kept could never be retried away.
 */
const isKept = ({ status }: ResponseInfo) => status >= 200 && status < 400;

/** The rules of draft-ietf-httpapi-idempotency-key-header-07, for every kind of server. */
export class Gate<Incoming> {
  readonly maxBodyBytes: number;
  readonly #exchanges: Exchanges;
  readonly #options: ServerOptions<Incoming>;
  readonly #identity: IdentityLike | undefined;
  readonly #header: KeyHeader;
  readonly #methods: ReadonlySet<string>;

  constructor(options: ServerOptions<Incoming>) {
    checkServerOptions(options);
    const exchangeOptions: Record<string, unknown> = { ...options };
    for (const name of OWN_MEMBERS) delete exchangeOptions[name];
    const { onEvent, identity, waitMs = 10_000, storeResponses = isKept } = options;
    this.#identity = identity && defineIdentity(identity);
    this.#exchanges = new Exchanges(
      {
        ...(exchangeOptions as unknown as ExchangeOptions),
        waitMs,
        storeResponses,
        ...(onEvent && { onEvent: (event) => onEvent(toldOf(event)) }),
      },
      true,
    );
    this.#options = options;
    this.#header = new KeyHeader(options);
    this.#methods = new Set(
      (options.methods ?? ['POST', 'PATCH']).map((method) => method.toUpperCase()),
    );
    this.maxBodyBytes = whole('maxBodyBytes', options.maxBodyBytes, 10 * 1024 * 1024, 0);
  }

  get controls(): ServerControls {
    return {
      evict: (key) => this.#exchanges.evict(key),
      stats: () => this.#exchanges.stats(),
      close: () => this.#exchanges.close(),
    };
  }

  /** What its head says: a response that refuses it, or `undefined` if it is none of ours. */
  admit(
    incoming: Incoming,
    head: () => IncomingHead,
    verb: string,
  ): Admission | Response | undefined {
    if (!this.#methods.has(verb.toUpperCase())) return undefined;
    const { applies, required = false, deriveKey = false, keyFormat } = this.#options;
    if (applies?.(incoming) === false) return undefined;
    const { method, url, headers } = head();
    let sentKey: string | undefined;
    try {
      sentKey = this.#header.read(headers);
      if (sentKey !== undefined && keyFormat !== undefined)
        this.#header.require(sentKey, keyFormat);
    } catch (error) {
      return refusal('key-malformed', 400, 'SAMEKEY_BAD_KEY', (error as Error).message);
    }
    const account = this.#accountOf(incoming) || accountOf(headers, false);
    if (sentKey === undefined && !(deriveKey && account !== '')) {
      const isRequired = typeof required === 'function' ? required(incoming) : required;
      if (!isRequired) return undefined;
      return refusal(
        'key-missing',
        400,
        'SAMEKEY_BAD_KEY',
        `Cannot process the request: it has no ${this.#header.name}, wanted one that is the same at every attempt`,
      );
    }
    const queryAt = url.indexOf('?');
    const { scope = [] } = this.#options;
    return {
      headers,
      search: queryAt < 0 ? '' : url.slice(queryAt),
      scope: [
        ...(typeof scope === 'string' ? [scope] : scope),
        method.toUpperCase(),
        queryAt < 0 ? url : url.slice(0, queryAt),
        account,
      ],
      sentKey,
    };
  }

  /** What the server says, where an empty text says no more than nothing. */
  #accountOf(incoming: Incoming): string | undefined {
    const account: unknown = this.#options.account?.(incoming);
    if (account === undefined || account === null || typeof account === 'string') {
      return account ?? undefined;
    }
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot tell whose request it is: account gave ${nameOf(account)}, wanted text`,
    );
  }

  /** The refusal of a body that is longer than `maxBodyBytes`. */
  tooLarge(): Response {
    return refusal(
      'body-too-large',
      413,
      'SAMEKEY_TOO_LONG',
      `Cannot process the request: its body is larger than ${this.maxBodyBytes} bytes, wanted a smaller one`,
    );
  }

  /**
   * Answers an admitted request: by its handler, by what comes or came of its handler, or by what
   * stands in the way. Rejects with what the handler threw, or with the signal's reason.
   */
  async answer(admission: Admission, processing: Processing): Promise<Response> {
    const { headers, scope, sentKey } = admission;
    const { payload, signal, onStart, before, run } = processing;
    let fingerprint: string;
    try {
      fingerprint = await fingerprintOf(admission, payload, this.#identity);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      return refusal('body-not-comparable', 400, code, (error as Error).message);
    }
    const key =
      sentKey === undefined
        ? scoped([...scope, 'derived'], fingerprint)
        : scoped([...scope, 'sent'], sentKey);
    let cookies: readonly string[] = [];
    let unchanged: readonly (readonly [name: string, value: string])[] = [];
    try {
      const { response, outcome } = await this.#exchanges.run({
        key,
        fingerprint,
        signal,
        onStart,
        traceparent: headers.get('traceparent') ?? undefined,
        send: async (aborted) => {
          const made = await run(aborted).catch((error) => {
            throw aborted.aborted ? error : new HandlerFailure(error);
          });
          cookies = made.headers.getSetCookie();
          unchanged = [...(before ?? [])].filter(
            ([name, value]) =>
              !OF_BODY.has(name) && name !== 'set-cookie' && made.headers.get(name) === value,
          );
          for (const [name] of unchanged) made.headers.delete(name);
          return made;
        },
      });
      // They are for the one who asked, not for those who only sent the same.
      if (outcome === 'executed') {
        for (const [name, value] of unchanged) response.headers.set(name, value);
        for (const cookie of cookies) response.headers.append('set-cookie', cookie);
      }
      return response;
    } catch (error) {
      if (error instanceof HandlerFailure) throw error.cause;
      if (signal?.aborted) throw error;
      const told = refusalOf(error);
      if (told === undefined) throw error;
      return told;
    }
  }
}

/** As whoever watches gets it: what the handler threw, not what it is wrapped in here. */
const toldOf = (event: OnceEvent): OnceEvent =>
  event.type === 'failed' && event.error instanceof HandlerFailure
    ? { ...event, error: event.error.cause }
    : event;
