import { fail, nameOf } from '../errors/errors.js';
import { type IdentityLike, scoped } from '../index.js';
import type { AbortSource, LazyAbort } from '../once/abort.js';
import type { OnceEvent } from '../once/index.js';
import { onceOptions } from '../once/options.js';
import { ignoreRejection } from '../options/callbacks.js';
import { optional, own } from '../options/own.js';
import { optionOf, readOptions } from '../options/read.js';
import { hasCredential, receivedAccount } from '../request/account.js';
import { type HeaderReader, KeyHeader } from '../request/key-header.js';
import { bodyIdentity } from '../request/request-key.js';
import { type Exchanged, type ExchangePlan, Exchanges } from '../response/exchanges.js';
import { type HeaderLine, headerIn, type ResponseData } from '../response/response-data.js';
import { HandlerJudge } from './handler-judge.js';
import {
  type IdempotencyState,
  type ServerControls,
  type ServerOptions,
  type ServerSettings,
  serverOptions,
} from './options.js';
import { fingerprintOf, type Payload } from './payload.js';
import { codeOf, problemOf, type ServerProblem, serverProblem } from './problem.js';
import { type Refusal, Refusals } from './refusals.js';

/** The part of a request that comes before its body. */
export interface IncomingHead {
  /** Path and query. */
  readonly url: string;
  readonly headers: HeaderReader;
}

/** A request that is processed at most once. */
export interface IdempotentRequest {
  readonly headers: HeaderReader;
  readonly search: string;
  /** The parts of the record's key beside the client's key: scope, method, path, account. */
  readonly scope: readonly string[];
  /** The key that the client sent; `undefined` if it is derived from the body. */
  readonly sentKey: string | undefined;
  readonly account: string;
  /** The platform's request. */
  readonly incoming: unknown;
}

/** What the route of a request says about it. */
export interface RouteRules {
  /** Whether its requests are processed at most once whatever their method. */
  readonly isEveryMethod?: boolean;
  /** In place of the option `required`. */
  readonly required?: boolean | undefined;
}

/** The decision about a request, by its head alone. */
export type Decision =
  /** The rules do not apply: the handler runs as it would without samekey. */
  | { readonly type: 'pass' }
  /** The request is malformed: the client receives this response. */
  | { readonly type: 'refuse'; readonly response: Refusal }
  | { readonly type: 'once'; readonly request: IdempotentRequest };

/**
 * How a request is processed and answered. `Raw` is what its handler returns, `Answer` what its server
 * sends. A waiting duplicate holds one promise, which resolves to its answer.
 */
export interface Processing<Raw = ResponseData, Answer = void> {
  readonly payload: Payload;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSource | undefined;
  /** Called when this request is the first of its key, with a promise that resolves when its work is done. */
  readonly onStart?: ((this: void, settled: Promise<void>) => void) | undefined;
  /** Called then, too, for a request that needs no such promise. */
  onFirst?(): void;
  /** Called with the state of the request, before anything else. Its outcome is known later. */
  onState?(state: IdempotencyState): void;
  /** Headers that outer middleware set on the response to this request. Duplicates do not get them. */
  readonly headersBefore?: readonly HeaderLine[] | undefined;
  /** The handler. Called at most once. */
  run(abort: LazyAbort): Promise<Raw>;
  /** Returns the data of what the handler returned. */
  read(raw: Raw): ResponseData;
  /** Answers with the handler's response, that of an earlier request with this key, or a problem. */
  answer(response: ResponseData): Answer;
  /** Answers with a problem, if not as with every other response. */
  refuse?(refusal: Refusal): Answer;
  /** Answers after an error of the handler, or after the reason of the signal. */
  fail(error: unknown): Answer;
}

/** Marks an error that the handler threw, which is passed on, unlike errors of samekey. */
class HandlerError {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Headers that describe a body and are replaced together with it. */
export const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
  'etag',
  'last-modified',
]);

/** The rules of draft-ietf-httpapi-idempotency-key-header-07, for every kind of server. */
export class IdempotencyRules<Incoming> {
  readonly maxBodyBytes: number;
  readonly #exchanges: Exchanges;
  readonly #settings: ServerSettings<Incoming>;
  readonly #identity: IdentityLike;
  readonly #header: KeyHeader;
  readonly #keyHeader: ReadonlySet<string>;
  readonly #methods: ReadonlySet<string>;
  readonly #scopes: readonly string[];
  readonly #refusals: Refusals;

  /**
   * `maker` is the function that received the options, for messages. The limits and the cache are those of
   * `sharedWith`.
   */
  constructor(
    options: ServerOptions<Incoming>,
    maker: string,
    sharedWith?: IdempotencyRules<Incoming>,
  ) {
    const settings = readOptions(serverOptions, options, `options of ${maker}`, {
      hintAt: optionOf({ createOnce: onceOptions }),
    }) as ServerSettings<Incoming>;
    const { identity, methods, maxBodyBytes, onEvent } = settings;
    this.#settings = settings;
    this.#identity = bodyIdentity(identity);
    this.#exchanges = new Exchanges(
      {
        ...settings,
        unknownErrors: () => false,
        onEvent: onEvent && ((event) => onEvent(withHandlerError(event))),
      },
      { isCoded: true, judge: (response, maxBytes) => new HandlerJudge(response, maxBytes) },
      sharedWith === undefined ? undefined : sharedWith.#exchanges,
    );
    this.#refusals = new Refusals(settings);
    this.#header = new KeyHeader(settings);
    this.#keyHeader = new Set([settings.headerName.toLowerCase()]);
    this.#methods = new Set(methods.map((method) => method.toUpperCase()));
    this.#scopes = [settings.scope].flat();
    this.maxBodyBytes = maxBodyBytes;
  }

  get controls(): ServerControls {
    return {
      evict: (key) => this.#exchanges.evict(key),
      stats: () => this.#exchanges.stats(),
      close: () => this.#exchanges.close(),
    };
  }

  /** Decides by the head of a request. `head` is called only if the method is one of `methods`. */
  decide(
    incoming: Incoming,
    method: string,
    head: () => IncomingHead,
    route: RouteRules = {},
  ): Decision {
    if (!own(route, 'isEveryMethod') && !this.#methods.has(method.toUpperCase())) return PASS;
    const { applies, required, deriveKey, keyFormat } = this.#settings;
    const isApplied = applies?.(incoming);
    ignoreRejection(isApplied);
    if (isApplied === false) return PASS;
    const { url, headers } = head();
    const refuse = (problem: ServerProblem): Decision => ({
      type: 'refuse',
      response: this.#refusals.of(problem, incoming),
    });
    let sentKey: string | undefined;
    try {
      sentKey = this.#header.read(headers);
      if (sentKey !== undefined && keyFormat !== undefined)
        this.#header.require(sentKey, keyFormat);
    } catch (error) {
      const { message } = error as Error;
      return refuse(serverProblem('key-malformed', 400, 'SAMEKEY_BAD_KEY', message));
    }
    const known = this.#accountOf(incoming);
    if (sentKey === undefined && !(deriveKey && (known || hasCredential(headers)))) {
      const isRequired =
        own(route, 'required') ?? (typeof required === 'function' ? required(incoming) : required);
      ignoreRejection(isRequired);
      if (!isRequired) return PASS;
      return refuse(
        serverProblem(
          'key-missing',
          400,
          'SAMEKEY_BAD_KEY',
          `Cannot process the request: it has no ${this.#header.name}, wanted one that is the same at every attempt`,
        ),
      );
    }
    const account = known || receivedAccount(headers, this.#keyHeader);
    const queryAt = url.indexOf('?');
    const request: IdempotentRequest = {
      headers,
      search: queryAt < 0 ? '' : url.slice(queryAt),
      scope: [
        ...this.#scopes,
        method.toUpperCase(),
        queryAt < 0 ? url : url.slice(0, queryAt),
        account,
      ],
      sentKey,
      account,
      incoming,
    };
    return { type: 'once', request };
  }

  /** The account by the option `account`. An empty text counts as none. */
  #accountOf(incoming: Incoming): string | undefined {
    const account: unknown = this.#settings.account?.(incoming);
    if (account === undefined || account === null || typeof account === 'string') {
      return account ?? undefined;
    }
    ignoreRejection(account);
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot tell whose request it is: account gave ${nameOf(account)}, wanted text`,
    );
  }

  /** The response to a body that is longer than `maxBodyBytes`. */
  bodyTooLarge({ incoming }: IdempotentRequest): Refusal {
    const problem = serverProblem(
      'body-too-large',
      413,
      'SAMEKEY_TOO_LONG',
      `Cannot process the request: its body is larger than ${this.maxBodyBytes} bytes, wanted a smaller one`,
    );
    return this.#refusals.of(problem, incoming);
  }

  /**
   * Resolves to the answer to a request: the handler's response, the one that the first request with this
   * key received or is receiving, or a problem.
   */
  respond<Raw, Answer>(
    { search, headers, scope, sentKey, account, incoming }: IdempotentRequest,
    processing: Processing<Raw, Answer>,
  ): Promise<Answer> {
    let fingerprint: string;
    try {
      fingerprint = fingerprintOf({ search, headers }, processing.payload, this.#identity);
    } catch (error) {
      return Promise.reject(error).catch((error) => this.#refuseBody(error, incoming, processing));
    }
    const key =
      sentKey === undefined
        ? scoped([...scope, 'derived'], fingerprint)
        : scoped([...scope, 'sent'], sentKey);
    const call = new HandlerCall(
      key,
      fingerprint,
      headers.get('traceparent') ?? undefined,
      account,
      processing,
      this.#refusals,
      incoming,
      this.#settings.waitUntil,
    );
    const onState = optional(processing, 'onState');
    if (onState !== undefined) {
      const state: State = { key, sentKey, account, outcome: undefined };
      call.state = state;
      onState.call(processing, state);
    }
    return this.#exchanges.runThen(
      call,
      (exchanged) => call.answer(exchanged),
      (error) => call.fail(error),
    );
  }

  /** Refuses a body that was parsed, and is not JSON. */
  #refuseBody<Raw, Answer>(
    error: unknown,
    incoming: unknown,
    processing: Processing<Raw, Answer>,
  ): Answer {
    const code = codeOf(error);
    if (code === undefined) return processing.fail(error);
    const problem = serverProblem('body-not-comparable', 400, code, (error as Error).message);
    return refuseBy(processing, this.#refusals.of(problem, incoming));
  }
}

type State = { -readonly [Name in keyof IdempotencyState]: IdempotencyState[Name] };

const refuseBy = <Raw, Answer>(processing: Processing<Raw, Answer>, refusal: Refusal) => {
  const refuse = optional(processing, 'refuse');
  return refuse === undefined ? processing.answer(refusal) : refuse.call(processing, refusal);
};

/** One request, and the call of the handler if it is the first of its key. */
class HandlerCall<Raw, Answer> implements ExchangePlan {
  readonly key: string;
  readonly fingerprint: string;
  readonly traceparent: string | undefined;
  readonly account: string;
  /** What middleware and the handler read, if the framework shows it to them. */
  state: State | undefined;
  readonly onStart: ((settled: Promise<void>) => void) | undefined;
  readonly #processing: Processing<Raw, Answer>;
  readonly #refusals: Refusals;
  readonly #incoming: unknown;
  /** The lines that belong to the client that ran the handler, not to its duplicates. */
  #own: readonly HeaderLine[] = NONE;

  constructor(
    key: string,
    fingerprint: string,
    traceparent: string | undefined,
    account: string,
    processing: Processing<Raw, Answer>,
    refusals: Refusals,
    incoming: unknown,
    waitUntil: ((settled: Promise<void>) => void) | undefined,
  ) {
    this.key = key;
    this.fingerprint = fingerprint;
    this.traceparent = traceparent;
    this.account = account;
    this.onStart = both(optional(processing, 'onStart'), waitUntil);
    this.#processing = processing;
    this.#refusals = refusals;
    this.#incoming = incoming;
  }

  get signal(): AbortSource | undefined {
    return this.#processing.signal;
  }

  onFirst(): void {
    optional(this.#processing, 'onFirst')?.call(this.#processing);
  }

  send(abort: LazyAbort): Promise<ResponseData> {
    if (this.state !== undefined) this.state.outcome = 'executed';
    const fail = (error: unknown): never => {
      throw abort.aborted ? error : new HandlerError(error);
    };
    const share = (raw: Raw) => {
      try {
        return this.#share(raw);
      } catch (error) {
        return fail(error);
      }
    };
    try {
      return this.#processing.run(abort).then(share, fail);
    } catch (error) {
      return Promise.reject(error).catch(fail);
    }
  }

  /** Returns the part of the response that duplicates get. */
  #share(raw: Raw): ResponseData {
    const answer = this.#processing.read(raw);
    this.#own = ownLines(answer.headers, optional(this.#processing, 'headersBefore'));
    return this.#own.some(([name]) => name !== 'set-cookie') ? without(answer, this.#own) : answer;
  }

  answer({ response, outcome }: Exchanged): Answer {
    if (this.state !== undefined) this.state.outcome = outcome;
    if (outcome !== 'executed' || this.#own.length === 0) return this.#processing.answer(response);
    const { headers, ...rest } = without(response, this.#own);
    return this.#processing.answer({ ...rest, headers: [...headers, ...this.#own] });
  }

  fail(error: unknown): Answer {
    const processing = this.#processing;
    if (error instanceof HandlerError) {
      // A duplicate that waited for the handler receives its error.
      if (this.state !== undefined) this.state.outcome ??= 'joined';
      return processing.fail(error.cause);
    }
    const problem = processing.signal?.aborted ? undefined : problemOf(error);
    return problem === undefined
      ? processing.fail(error)
      : refuseBy(processing, this.#refusals.of(problem, this.#incoming, this.key));
  }
}

/** Calls both functions, if there are two. */
function both<T>(
  first: ((value: T) => void) | undefined,
  second: ((value: T) => void) | undefined,
): ((value: T) => void) | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (value) => {
    first(value);
    second(value);
  };
}

const NONE: readonly HeaderLine[] = [];

/** Cookies, and what outer middleware set. A header of it that the handler changed is the handler's. */
function ownLines(
  lines: readonly HeaderLine[],
  before: readonly HeaderLine[] = NONE,
): readonly HeaderLine[] {
  const outer = before.filter(
    ([name, value]) =>
      !BODY_HEADERS.has(name) && name !== 'set-cookie' && headerIn(lines, name) === value,
  );
  const hasCookies = lines.some(([name]) => name === 'set-cookie');
  return hasCookies ? [...outer, ...lines.filter(([name]) => name === 'set-cookie')] : outer;
}

/** Returns the response without the headers that `lines` name. */
function without(response: ResponseData, lines: readonly HeaderLine[]): ResponseData {
  const names = new Set(lines.map(([name]) => name));
  return { ...response, headers: response.headers.filter(([name]) => !names.has(name)) };
}

const PASS: Decision = { type: 'pass' };

/** Unwraps the handler's own error, for listeners. */
const withHandlerError = (event: OnceEvent): OnceEvent =>
  event.type === 'failed' && event.error instanceof HandlerError
    ? { ...event, error: event.error.cause }
    : event;
