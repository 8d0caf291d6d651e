/** `samekey/ai-sdk`: a middleware for the language models of the AI SDK that makes each call at most once. */

import { priceTable } from '../cost/prices.js';
import { savingIn } from '../cost/saving.js';
import { untilAborted } from '../once/abort.js';
import type { OnceStats } from '../once/index.js';
import { onceOptions } from '../once/options.js';
import { own } from '../options/own.js';
import { optionOf, readOptions } from '../options/read.js';
import { Exchanges } from '../response/exchanges.js';
import { linesOf } from '../response/response-data.js';
import { type StoredResponse, sharedHead } from '../response/stored-response.js';
import { type CallParams, isProviderState, keyOfCall, readCall } from './call.js';
import { type IdempotencyMiddlewareOptions, middlewareOptions } from './options.js';
import { PartLines } from './part-lines.js';
import { type Part, PartWatch } from './part-watch.js';

export type { CallParams, CallRequestOptions } from './call.js';
export type { CallKeyOptions, IdempotencyMiddlewareOptions } from './options.js';

/** Versions of the language model specification, of AI SDK 5, 6 and 7. */
export type SpecificationVersion = 'v2' | 'v3' | 'v4';

/** The part of a model that the middleware uses. */
export interface Model<P, G, S> {
  /** The name of the provider. Part of the key. */
  readonly provider: string;
  /** The name of the model. Part of the key. */
  readonly modelId: string;
  /** Resolves to a whole answer. */
  doGenerate(params: P): PromiseLike<G>;
  /** Resolves to an answer that streams in. */
  doStream(params: P): PromiseLike<S>;
}

interface Generated {
  readonly content?: unknown;
  readonly providerMetadata?: object | undefined;
  readonly request?: object | undefined;
  readonly response?:
    | { readonly headers?: Readonly<Record<string, string>> | undefined }
    | undefined;
}

interface Streamed {
  readonly stream: ReadableStream<{ readonly type: string }>;
  readonly request?: object | undefined;
  readonly response?:
    | { readonly headers?: Readonly<Record<string, string>> | undefined }
    | undefined;
}

/** A `LanguageModelV4Middleware`, and one of earlier versions. */
export interface IdempotencyMiddleware<V extends SpecificationVersion = 'v4'> {
  /** Matches every version, because the wrapped functions are the same in all. */
  readonly specificationVersion: V;
  /** Resolves to the answer of the model, from its first call. */
  wrapGenerate<P extends CallParams, G extends Generated>(call: {
    readonly params: P;
    readonly model: Model<P, G, unknown>;
  }): Promise<G>;
  /** Resolves to the stream of the answer, from its first call. */
  wrapStream<P extends CallParams, S extends Streamed>(call: {
    readonly params: P;
    readonly model: Model<P, unknown, S>;
  }): Promise<S>;
  /** Removes the stored answer of a key. `providerMetadata.samekey.key` of an answer is its key. */
  evict(key: string): Promise<boolean>;
  /** Returns the counts of this process. */
  stats(): OnceStats;
  /** Refuses new calls, waits for the calls in progress and closes the store. */
  close(): Promise<void>;
}

/**
 * Returns a middleware for `wrapLanguageModel` that calls a model at most once for the same provider,
 * model and parameters, in all processes that share the store. Every duplicate receives the answer:
 * while it streams in, or later from the store. `providerMetadata.samekey` contains the outcome.
 *
 * A call can set `providerOptions: { samekey: { fresh, sample, scope } }`: for a new answer, for another
 * answer beside the first, and to separate equal calls.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore() });
 * let calls = 0;
 * const model = { provider: 'p', modelId: 'm', doGenerate: async () => ({ content: ++calls }) };
 * const params = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] };
 * (await wrapGenerate({ params, model })).content; // 1
 * (await wrapGenerate({ params, model })).content; // 1
 */
export function idempotencyMiddleware<V extends SpecificationVersion = 'v4'>(
  options: IdempotencyMiddlewareOptions,
): IdempotencyMiddleware<V> {
  const settings = readOptions(middlewareOptions, options, 'options of idempotencyMiddleware', {
    hintAt: optionOf({ createOnce: onceOptions }),
  });
  const { prices, currency } = settings;
  const table = prices && priceTable({ prices, ...(currency !== undefined && { currency }) });
  const lines = new PartLines();
  const exchanges = new Exchanges(
    {
      ...settings,
      // Each answer is shared as a response with status 200.
      storeResponses: () => true,
      savingOf: ({ body }: StoredResponse) => savingIn(lines.parse(body), table),
    },
    { judge: (response) => lines.judgeOf(response) },
  );

  /** Makes a call at most once, and returns its answer, which may still be arriving. */
  async function answer<P extends CallParams>(
    type: 'generate' | 'stream',
    model: { readonly provider: string; readonly modelId: string },
    given: P,
    make: (params: P) => Promise<{ head: Head; parts: ReadableStream<Part>; request: unknown }>,
  ) {
    const call = readCall(given);
    const key = keyOfCall(type, model, call, settings);
    let request: unknown;
    const { fresh = false, traceparent } = call.requestOptions;
    const { response, outcome, settled } = await exchanges.run({
      key,
      fresh,
      traceparent,
      isStored: settings.providerState === 'store' || !isProviderState(given),
      signal: own(given, 'abortSignal'),
      onStart: (settled) => lines.hold(key, settled),
      send: async (abort) => {
        const made = await make({ ...call.params, abortSignal: abort.signal });
        request = made.request;
        return lines.toResponse(key, made.head, made.parts, new PartWatch(type));
      },
    });
    const samekey = { outcome, key };
    const isMarked = (part: Part) => type === 'generate' || part.type === 'finish';
    const { head, parts } = await lines.read(
      key,
      response,
      (part) =>
        isMarked(part)
          ? { ...part, providerMetadata: { ...(own(part, 'providerMetadata') as object), samekey } }
          : part,
      // The program may exit when it has the end of the answer, so the answer is stored before that.
      () => untilAborted(settled, own(given, 'abortSignal')).catch(() => {}),
    );
    // A duplicate sent no request.
    const sent = outcome === 'executed' && request !== undefined ? { request } : undefined;
    return { head: head as Head, parts, sent };
  }

  /** The parameters of a call that is made without samekey, or `undefined`. */
  function passedParams<P extends CallParams>(given: P): P | undefined {
    if (settings.providerState !== 'pass' || !isProviderState(given)) return undefined;
    const abortSignal = own(given, 'abortSignal');
    return { ...readCall(given).params, ...(abortSignal && { abortSignal }) };
  }

  return {
    specificationVersion: 'v4' as V,
    async wrapGenerate<P extends CallParams, G extends Generated>({
      params,
      model,
    }: {
      readonly params: P;
      readonly model: Model<P, G, unknown>;
    }) {
      const passed = passedParams(params);
      if (passed !== undefined) return model.doGenerate(passed);
      const { parts, sent } = await answer('generate', model, params, async (asked) => {
        const generated: Generated = await model.doGenerate(asked);
        const { request: _, ...rest } = generated;
        const [request, response] = [own(generated, 'request'), own(generated, 'response')];
        const kept = response && { response: { ...response, headers: keptHeaders(response) } };
        return { head: {}, parts: streamOf({ ...rest, ...kept } as Part), request };
      });
      const reader = parts.getReader();
      const { value } = await reader.read();
      // With the end of the stream, so that no reader has anything left to read.
      await reader.read();
      return { ...value, ...sent } as unknown as G;
    },
    async wrapStream<P extends CallParams, S extends Streamed>({
      params,
      model,
    }: {
      readonly params: P;
      readonly model: Model<P, unknown, S>;
    }) {
      const passed = passedParams(params);
      if (passed !== undefined) return model.doStream(passed);
      const { head, parts, sent } = await answer('stream', model, params, async (asked) => {
        const streamed: Streamed = await model.doStream(asked);
        const { stream } = streamed;
        const [request, response] = [own(streamed, 'request'), own(streamed, 'response')];
        const kept = response && { response: { ...response, headers: keptHeaders(response) } };
        return { head: { ...kept }, parts: stream, request };
      });
      return { ...head, ...sent, stream: parts } as unknown as S;
    },
    evict: (key) => exchanges.evict(key),
    stats: () => exchanges.stats(),
    close: () => exchanges.close(),
  };
}

/** The part of an answer before its stream. */
interface Head {
  readonly response?: object;
}

/** Without cookies, which belong to one client. */
function keptHeaders({ headers }: NonNullable<Generated['response']>) {
  if (headers === undefined) return undefined;
  const lines = linesOf(new Headers(headers));
  const head = { status: 200, statusText: '', url: '', headers: lines };
  return Object.fromEntries(sharedHead(head, false).headers);
}

function streamOf(part: Part): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(part);
      controller.close();
    },
  });
}
