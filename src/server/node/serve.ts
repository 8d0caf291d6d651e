import { fail } from '../../errors/errors.js';
import { LazyAbort } from '../../once/abort.js';
import { optional, own } from '../../options/own.js';
import type { HeaderLine, ResponseData } from '../../response/response-data.js';
import type { IdempotencyState } from '../options.js';
import { type Payload, payloadOfParsed } from '../payload.js';
import type { Refusal } from '../refusals.js';
import type { Decision, IdempotencyRules, IdempotentRequest, Processing } from '../rules.js';
import { isPeeked, peekBody } from './body.js';
import { Capture } from './capture.js';
import { keepAsDictionary } from './dictionary.js';
import { HiddenDisconnect } from './disconnect.js';
import { hasBody, NodeHeaders, type NodeRequest, type NodeResponse } from './http.js';
import { writeResponse } from './write-response.js';
import { linesSet } from './written.js';

/** The parts that differ between frameworks. A waiting request holds it, so it is one object without closures. */
export interface NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** The value that a body parser made of the body; `undefined` if it does not cover the whole body. */
  parsed(): unknown;
  /**
   * Runs the handler, whose response is captured from then on. A promise that it returns rejects if the
   * handler fails.
   */
  proceed(): void | Promise<void>;
  /** Passes an error on to the framework. */
  fail(error: unknown): void;
  /** Headers that were set before for the response, if they are not on `to`. */
  headersBefore?(): ReturnType<NodeResponse['getHeaders']>;
  /** Called before a response is written that the handler did not produce for this request. */
  onReplay?(): void;
  /** Gives the framework a whole response to send. Without it, samekey writes each on the connection. */
  send?(response: ResponseData): void;
  /** Passes a problem on to the framework, before the handler has begun. Without it, samekey sends it. */
  refuse?(refusal: Refusal): void;
  /** Called with the state of a request, before its outcome is known. */
  onState?(state: IdempotencyState): void;
  /** Called before a response is written on the connection. */
  onWrite?(): void;
  /** Called when a response is written that the handler did not produce for this request, or is lost. */
  onReplayed?(response: ResponseData): void;
  /** Called instead of `fail` when the client has disconnected. */
  onDisconnect?(): void;
}

/**
 * Returns the body that an earlier parser left on a request. With uploaded files beside it, it is not the
 * whole body.
 */
export function parsedBodyOf(request: object): unknown {
  const left: { readonly body?: unknown; readonly file?: unknown; readonly files?: unknown } =
    request;
  const hasFiles = optional(left, 'file') !== undefined || optional(left, 'files') !== undefined;
  return hasFiles ? undefined : optional(left, 'body');
}

/** Returns a function that reads the head of a request. */
export const headOf = (from: NodeRequest) => () => ({
  url: own(from, 'originalUrl') ?? from.url ?? '',
  headers: new NodeHeaders(from),
});

/** Returns a function that tells whether it was called with a request before. */
export function seenOnce(): (from: NodeRequest) => boolean {
  // A member costs a tenth of a `WeakSet`, which the garbage collector visits, too.
  const mark = Symbol('samekey.seen');
  return (from: NodeRequest & { [mark]?: true }) => {
    if (from[mark]) return true;
    keepAsDictionary(from, 'url');
    from[mark] = true;
    return false;
  };
}

/** Answers a request of `node:http`. */
export function serveNode<Incoming>(
  rules: IdempotencyRules<Incoming>,
  decision: Exclude<Decision, { readonly type: 'pass' }>,
  processing: NodeProcessing,
): void {
  // The client disconnected while earlier middleware ran.
  if (processing.to.destroyed) {
    optional(processing, 'onDisconnect')?.call(processing);
    return;
  }
  const exchange = new NodeExchange(processing);
  if (decision.type === 'refuse') exchange.refuse(decision.response);
  else exchange.process(rules, decision.request);
}

/**
 * A request of `node:http` until it is answered. Hundreds of duplicates may wait, and each holds it, so it
 * has methods instead of an async function with closures, whose frame takes 0.5 KB.
 */
class NodeExchange implements Processing {
  payload!: Payload;
  headersBefore: readonly HeaderLine[] | undefined;
  readonly signal = new LazyAbort();
  readonly #processing: NodeProcessing;
  #disconnect: HiddenDisconnect | undefined;
  #capture: Capture | undefined;
  #isFirst = false;
  #hasBegun = false;
  #isWritten = false;

  constructor(processing: NodeProcessing) {
    this.#processing = processing;
    processing.to.on('close', () => {
      if (this.#isWritten) return;
      this.signal.abort(new DOMException('The client has hung up', 'AbortError'));
    });
  }

  #optional<Name extends keyof NodeProcessing>(name: Name): NodeProcessing[Name] | undefined {
    return optional(this.#processing, name);
  }

  process<Incoming>(rules: IdempotencyRules<Incoming>, request: IdempotentRequest): void {
    const respond = (payload: Payload | undefined) => {
      try {
        if (payload === undefined) this.refuse(rules.bodyTooLarge(request));
        else this.#respond(rules, request, payload);
      } catch (error) {
        this.fail(error);
      }
    };
    try {
      const payload = payloadOf(this.#processing, rules.maxBodyBytes);
      if (payload instanceof Promise) payload.then(respond, (error) => this.#fail(error));
      else respond(payload);
    } catch (error) {
      this.#fail(error);
    }
  }

  #respond<Incoming>(
    rules: IdempotencyRules<Incoming>,
    request: IdempotentRequest,
    payload: Payload,
  ): void {
    const { from, to } = this.#processing;
    const before = this.#optional('headersBefore')?.call(this.#processing) ?? to.getHeaders();
    this.#disconnect = HiddenDisconnect.of(from);
    this.payload = payload;
    this.headersBefore = linesSet(before);
    rules.respond(request, this);
  }

  onFirst(): void {
    this.#isFirst = true;
  }

  onState(state: IdempotencyState): void {
    this.#optional('onState')?.call(this.#processing, state);
  }

  run(abort: LazyAbort): Promise<ResponseData> {
    const { from, to } = this.#processing;
    const capture = new Capture(
      from,
      to,
      this.#disconnect as HiddenDisconnect,
      abort,
      this.signal.aborted,
    );
    this.#capture = capture;
    const running = this.#processing.proceed();
    if (running !== undefined) running.catch((error) => capture.abandon(error));
    return capture.response;
  }

  read(response: ResponseData): ResponseData {
    return response;
  }

  answer(response: ResponseData): void {
    this.#reveal();
    this.#write(response);
  }

  refuse(refusal: Refusal): void {
    const refuse = this.#optional('refuse');
    if (refuse === undefined || this.#capture !== undefined) {
      this.answer(refusal);
      return;
    }
    this.#reveal();
    if (this.signal.aborted) this.#optional('onDisconnect')?.call(this.#processing);
    else refuse.call(this.#processing, refusal);
  }

  fail(error: unknown): void {
    this.#reveal();
    this.#fail(error);
  }

  /** The handler of the first request may still run after its client has disconnected. */
  #reveal(): void {
    if (this.#capture !== undefined || (this.#isFirst && this.signal.aborted)) return;
    this.#disconnect?.reveal();
  }

  #write(response: ResponseData): void {
    const { from, to } = this.#processing;
    try {
      const isWhole = response.body === null || response.body instanceof Uint8Array;
      const send = this.#optional('send');
      if (send !== undefined && isWhole && this.#isFree()) {
        this.#isWritten = true;
        send.call(this.#processing, response);
        return;
      }
      if (this.#capture === undefined) this.#optional('onReplay')?.call(this.#processing);
      this.#optional('onWrite')?.call(this.#processing);
      this.#hasBegun = true;
      const onWritten = () => {
        this.#isWritten = true;
        if (this.#capture === undefined)
          this.#optional('onReplayed')?.call(this.#processing, response);
      };
      const writing = writeResponse(response, from, to, this.#capture);
      if (writing === undefined) onWritten();
      else writing.then(onWritten, (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether the framework can write the response: the handler has not begun, or has written all of its own. */
  #isFree(): boolean {
    return this.#capture === undefined || this.#capture.release();
  }

  #fail(error: unknown): void {
    if (this.signal.aborted) {
      this.#optional('onDisconnect')?.call(this.#processing);
      return;
    }
    const isPassed =
      this.#optional('send') === undefined ? this.#capture === undefined : this.#isFree();
    if (isPassed && !this.#hasBegun) this.#processing.fail(error);
    // The head is sent. Cutting the connection tells the client that the body is incomplete.
    else (this.#capture?.wire ?? this.#processing.to).destroy();
  }
}

/** Returns the body, read or unread; `undefined` if it is too large. */
function payloadOf(
  processing: NodeProcessing,
  maxBytes: number,
): Payload | undefined | Promise<Payload | undefined> {
  const { from } = processing;
  if (Number(from.headers['content-length'] ?? 0) > maxBytes) {
    // A client that is still sending reads the response only after its body has been read.
    from.resume();
    return undefined;
  }
  if (!from.readableDidRead || isPeeked(from)) {
    return peekBody(from, maxBytes).then((body) => body && { body });
  }
  const whole = processing.parsed();
  if (whole === undefined && hasBody(from)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot compare requests: the body was read before, and request.body does not contain all of it; wanted this middleware before the one that reads the body, or a parser that sets request.body',
    );
  }
  return payloadOfParsed(whole);
}
