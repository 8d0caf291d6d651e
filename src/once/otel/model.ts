import type { Observation, Observer } from './observation.js';

/** A call of a model, as the AI SDK passes it to a middleware. */
interface ModelCall {
  readonly params: {
    readonly providerOptions?: Readonly<Record<string, object>> | undefined;
  };
  readonly model: { readonly provider: string; readonly modelId: string };
}

/** The middleware of `samekey/ai-sdk`. */
export interface ModelMiddleware {
  /** Resolves to the answer of the model. */
  wrapGenerate(call: never): Promise<unknown>;
  /** Resolves to the stream of the answer. */
  wrapStream(call: never): Promise<unknown>;
}

interface Part {
  readonly type?: unknown;
  readonly providerMetadata?: { readonly samekey?: { readonly outcome?: unknown } };
}

/** Returns the functions of a middleware that call a model, with a span for every call. */
export function observedModel(observer: Observer, middleware: ModelMiddleware) {
  const begin = ({ params, model }: ModelCall) => {
    const own = params.providerOptions?.samekey as { traceparent?: string } | undefined;
    // The semantic conventions of GenAI.
    const observation = observer.begin('samekey.model', own?.traceparent, {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': model.provider,
      'gen_ai.request.model': model.modelId,
    });
    return observation;
  };
  const withTrace = (call: ModelCall, { traceparent }: Observation): never => {
    if (traceparent === undefined) return call as never;
    const { providerOptions } = call.params;
    const samekey = { ...providerOptions?.samekey, traceparent };
    const params = { ...call.params, providerOptions: { ...providerOptions, samekey } };
    return { ...call, params } as never;
  };
  const observe = async <R>(
    call: ModelCall,
    wrap: (call: never) => Promise<unknown>,
    end: (result: R, observation: Observation) => R,
  ): Promise<R> => {
    const observation = begin(call);
    try {
      const result = await observation.run(() => wrap(withTrace(call, observation)));
      return end(result as R, observation);
    } catch (error) {
      observation.fail(error);
      throw error;
    }
  };
  return {
    wrapGenerate: (call: ModelCall) =>
      observe<Part>(call, middleware.wrapGenerate, (answer, observation) => {
        observation.setOutcome(answer.providerMetadata?.samekey?.outcome);
        observation.end();
        return answer;
      }),
    wrapStream: (call: ModelCall) =>
      observe<{ readonly stream: ReadableStream<Part> }>(
        call,
        middleware.wrapStream,
        (answer, observation) => ({ ...answer, stream: watched(answer.stream, observation) }),
      ),
  };
}

/** Ends the span with the stream, even if its reader leaves. */
function watched(stream: ReadableStream<Part>, observation: Observation): ReadableStream<Part> {
  const reader = stream.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            observation.end();
            controller.close();
            return;
          }
          observation.setOutcome(value.providerMetadata?.samekey?.outcome);
          controller.enqueue(value);
        } catch (error) {
          observation.fail(error);
          controller.error(error);
        }
      },
      cancel(reason) {
        observation.end();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
