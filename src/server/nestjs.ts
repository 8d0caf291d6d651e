/** `samekey/nestjs`: a module for Nest whose marked routes process the same request at most once. */
import {
  type CallHandler,
  createParamDecorator,
  type DynamicModule,
  type ExecutionContext,
  HttpException,
  type ModuleMetadata,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { from, mergeAll, type Observable, of, ReplaySubject, share, throwError } from 'rxjs';
import { decoder } from '../engine/utf8.js';
import { fail } from '../errors/errors.js';
import { mediaType } from '../request/counted-headers.js';
import { headerIn, type ResponseData } from '../response/response-data.js';
import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, type NodeProcessing, parsedBodyOf, serveNode } from './node/serve.js';
import type { IdempotencyState, ServerControls, ServerOptions } from './options.js';
import type { Refusal } from './refusals.js';
import { IdempotencyRules, type RouteRules } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/storable.js';
export type {
  IdempotencyOutcome,
  IdempotencyState,
  ServerControls,
  ServerOptions,
} from './options.js';
export type { ServerProblem } from './problem.js';
export type { ErrorAnswer } from './refusals.js';

/** What `@Idempotent()` takes. */
export interface IdempotentRoute {
  /** Whether a request without a key is refused with 400, in place of the option of the module. */
  readonly required?: boolean;
}

const MARK = 'samekey:idempotent';
/** Metadata of Nest: the headers of `@Header()`, and whether a handler is marked by `@Sse()`. */
const HEADERS = '__headers__';
const SSE = '__sse__';

const reflector = new Reflector();

/**
 * Marks a handler whose requests are processed at most once, whatever their method, or a controller, of
 * which those with one of the option `methods` are.
 */
export const Idempotent = (route: IdempotentRoute = {}) => SetMetadata(MARK, route);

/** The parameter of a handler that gets the key of its request, or `undefined` if it has none. */
export const IdempotencyKey = createParamDecorator(
  (_: unknown, context: ExecutionContext): string | undefined =>
    context.switchToHttp().getRequest<{ idempotency?: IdempotencyState }>().idempotency?.key,
);

/**
 * A refused request, as Nest's exception filters get it. `getResponse()` is the problem (RFC 9457).
 */
export class IdempotencyException extends HttpException {
  /** The code of samekey, such as `SAMEKEY_MISMATCH`. */
  readonly code: string;

  /** `answer` is what `onError` returned; by default its body is the problem. */
  constructor(
    problem: { readonly status: number; readonly code: string; readonly detail: string },
    answer: { readonly status: number; readonly body: string | object } = {
      status: problem.status,
      body: problem,
    },
  ) {
    super(answer.body, answer.status);
    this.code = problem.code;
    this.message = problem.detail;
  }
}

/** How `IdempotencyModule.forRootAsync` gets the options. */
export interface IdempotencyAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` receives. */
  // biome-ignore lint/suspicious/noExplicitAny: tokens of all kinds.
  readonly inject?: any[];
  /** Returns the options. */
  // biome-ignore lint/suspicious/noExplicitAny: what is injected.
  useFactory(...injected: any[]): ServerOptions<any> | Promise<ServerOptions<any>>;
}

/**
 * A module for Nest 11 and 12, on Express and Fastify. Routes marked with `@Idempotent()` process the
 * same request at most once, by the rules of `idempotent` in `samekey/server`.
 */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest identifies a module by its class.
export class IdempotencyModule {
  /**
   * Returns the module with these options. `account`, `required` and `applies` receive the request of the
   * adapter, on which guards have set the user.
   *
   * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the request of the adapter.
  static forRoot<Incoming = any>(options: ServerOptions<Incoming>): DynamicModule {
    return moduleWith(new IdempotencyInterceptor(options));
  }

  /** The same with options that a factory returns, for example with a store that is a provider. */
  static forRootAsync({ imports, inject, useFactory }: IdempotencyAsyncOptions): DynamicModule {
    const make = async (...injected: unknown[]) =>
      new IdempotencyInterceptor(await useFactory(...injected));
    return {
      ...moduleWith(undefined),
      ...(imports && { imports }),
      providers: [
        { provide: IdempotencyInterceptor, useFactory: make, inject: inject ?? [] },
        AS_INTERCEPTOR,
      ],
    };
  }
}

/**
 * The interceptor of the module. Inject it for `evict` and `stats`. Nest closes it with the application.
 *
 * It decides as an interceptor does, and captures what is written on the response, as `samekey/express`
 * does. Each layer alone would be wrong. Middleware of the adapter runs before guards, so a client that
 * they no longer let in would receive stored responses, and `account` would not know the user. The value
 * that an interceptor sees is not the response: filters, `@Header()`, `@Redirect()`, `@Render()`,
 * `StreamableFile` and `@Res()` come after it, and a number is text on Express and JSON on Fastify.
 */
export class IdempotencyInterceptor implements NestInterceptor, ServerControls {
  readonly evict: ServerControls['evict'];
  readonly stats: ServerControls['stats'];
  readonly close: ServerControls['close'];
  readonly #rules: IdempotencyRules<unknown>;
  #closing: Promise<void> | undefined;
  readonly #seen = new WeakMap<NodeRequest, NestProcessing>();

  constructor(options: ServerOptions<never>) {
    this.#rules = new IdempotencyRules(options as ServerOptions<unknown>, 'IdempotencyModule');
    const { evict, stats, close } = this.#rules.controls;
    this.evict = evict;
    this.stats = stats;
    this.close = close;
  }

  /** Called by Nest when the server is closed. */
  onApplicationShutdown(): Promise<void> {
    // Twice: the interceptor has two tokens.
    this.#closing ??= this.close();
    return this.#closing;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = context.getType() === 'http' ? routeOf(context) : undefined;
    if (route === undefined) return next.handle();
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    const raw = request.raw ?? request;
    // An outer interceptor has subscribed again. It gets what the run of this request gives.
    const known = this.#seen.get(raw);
    if (known !== undefined) return known.result;
    const decision = this.#rules.decide(request, raw.method ?? '', headOf(raw), route);
    if (decision.type === 'pass') return next.handle();
    refuseEvents(context);
    const processing = new NestProcessing(context, next);
    this.#seen.set(raw, processing);
    serveNode(this.#rules, decision, processing);
    return processing.result;
  }
}

const AS_INTERCEPTOR = {
  provide: APP_INTERCEPTOR,
  useFactory: (interceptor: IdempotencyInterceptor) => interceptor,
  inject: [IdempotencyInterceptor],
};

const moduleWith = (interceptor: IdempotencyInterceptor | undefined): DynamicModule => ({
  module: IdempotencyModule,
  global: true,
  providers: [{ provide: IdempotencyInterceptor, useValue: interceptor }, AS_INTERCEPTOR],
  exports: [IdempotencyInterceptor],
});

/** Returns what the marks of a route say; `undefined` if it has none. */
function routeOf(context: ExecutionContext): RouteRules | undefined {
  const own = reflector.get<IdempotentRoute | undefined>(MARK, context.getHandler());
  const route = own ?? reflector.get<IdempotentRoute | undefined>(MARK, context.getClass());
  return route && { required: route.required, isEveryMethod: own !== undefined };
}

/** Nest pipes an Observable of events into the response before it subscribes to it. */
function refuseEvents(context: ExecutionContext): void {
  const handler = context.getHandler();
  if (reflector.get(SSE, handler) !== true) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot process ${context.getClass().name}.${handler.name} at most once: it is marked by @Sse(), whose head Nest sends before interceptors have decided, wanted a handler that returns a StreamableFile or writes to @Res()`,
  );
}

/** The request of Express, or that of Fastify. */
type AdapterRequest = NodeRequest & {
  readonly raw?: NodeRequest;
  readonly body?: unknown;
  idempotency?: IdempotencyState;
};

/** The response of Express, or the reply of Fastify. */
type AdapterResponse = NodeResponse & {
  readonly raw?: NodeResponse;
  header(name: string, value: string): unknown;
  hijack?(): unknown;
};

class NestProcessing implements NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** What outer interceptors and Nest get. */
  readonly result: Observable<unknown>;
  readonly #request: AdapterRequest;
  readonly #response: AdapterResponse;
  readonly #handled: Observable<unknown>;
  /** Names of the headers that Nest has set for the handler before interceptors. */
  readonly #ofHandler: ReadonlySet<string>;
  #hasBegun = false;
  #resolve: (result: Observable<unknown>) => void = () => {};

  constructor(context: ExecutionContext, next: CallHandler) {
    const http = context.switchToHttp();
    this.#request = http.getRequest();
    this.#response = http.getResponse();
    this.from = this.#request.raw ?? this.#request;
    this.to = this.#response.raw ?? this.#response;
    // Here, where the context of AsyncLocalStorage is that of the request. Each subscription to it runs
    // the handler, so all share one. After an error, one by `retry()` runs the handler again.
    this.#handled = next.handle().pipe(
      share({
        connector: () => new ReplaySubject(),
        resetOnComplete: false,
        resetOnRefCountZero: false,
      }),
    );
    const set = reflector.get<{ readonly name: string }[] | undefined>(
      HEADERS,
      context.getHandler(),
    );
    this.#ofHandler = new Set(set?.map(({ name }) => name.toLowerCase()));
    const started = new Promise<Observable<unknown>>((resolve) => {
      this.#resolve = resolve;
    });
    this.result = from(started).pipe(mergeAll());
  }

  parsed(): unknown {
    return parsedBodyOf(this.#request);
  }

  onState(state: IdempotencyState): void {
    this.#request.idempotency = state;
  }

  headersBefore(): ReturnType<NodeResponse['getHeaders']> {
    const headers = this.#response.getHeaders();
    if (this.#ofHandler.size === 0) return headers;
    return Object.fromEntries(
      Object.entries(headers).filter(([name]) => !this.#ofHandler.has(name)),
    );
  }

  proceed(): void {
    this.#hasBegun = true;
    this.#resolve(this.#handled);
  }

  fail(error: unknown): void {
    this.#resolve(throwError(() => error));
  }

  refuse({ status, headers, problem, content, body }: Refusal): void {
    // The filter decides what is sent, and so of which type it is.
    for (const [name, value] of headers) {
      if (name !== 'content-type') this.#response.header(name, value);
    }
    const isObject = typeof content === 'object' && content !== null;
    const text = () => decoder.decode((body as Uint8Array | null) ?? new Uint8Array());
    const answer = {
      status,
      body: isObject && !(content instanceof Uint8Array) ? content : text(),
    };
    this.#resolve(throwError(() => new IdempotencyException(problem, answer)));
  }

  onReplay(): void {
    const { to } = this;
    if (this.#response.hijack !== undefined) {
      this.#response.hijack();
      for (const [name, value] of Object.entries(this.#response.getHeaders())) {
        if (value !== undefined) to.setHeader(name, value);
      }
    }
    // The stored response has its own, if its handler did not remove them.
    for (const name of this.#ofHandler) to.removeHeader(name);
  }

  onReplayed(response: ResponseData): void {
    this.#finish(valueIn(response));
  }

  onDisconnect(): void {
    // The output of the handler is for duplicates.
    if (!this.#hasBegun) this.#finish(undefined);
  }

  /**
   * Lets outer interceptors and Nest end, whose output is ignored: the response is written. An Observable
   * that never emits would leave them waiting, and an empty one is an error of Nest.
   */
  #finish(value: unknown): void {
    ignoreOutput(this.to, OUTPUT);
    if (this.#response !== this.to) ignoreOutput(this.#response, ['send', 'view']);
    this.#resolve(of(value));
  }
}

const OUTPUT = [
  'setHeader',
  'appendHeader',
  'removeHeader',
  'writeHead',
  'flushHeaders',
  'write',
  'end',
  'render',
];

function ignoreOutput(response: object, names: readonly string[]): void {
  for (const name of names) {
    Object.defineProperty(response, name, {
      value: name === 'write' ? () => true : () => response,
      configurable: true,
      writable: true,
    });
  }
}

/** What outer interceptors see of a stored response: the value of its JSON, or its text. */
function valueIn({ headers, body }: ResponseData): unknown {
  if (!(body instanceof Uint8Array) || body.length === 0) return undefined;
  const type = mediaType(headerIn(headers, 'content-type'));
  if (type.startsWith('text/')) return decoder.decode(body);
  if (!/[/+]json$/.test(type)) return undefined;
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    return undefined;
  }
}
