import type { CallOptions } from '../call.js';
import type { OnceContext } from '../call-function.js';
import type { Once } from '../once.js';
import type { Detailed } from '../runner.js';
import type { Observer } from './observation.js';

type Run = (context: OnceContext) => unknown;

/** Returns the functions of a `once` that run, with a span for every call. */
export function observedOnce(observer: Observer, once: Once<boolean>) {
  async function detailed(
    key: string,
    fn: Run,
    options: CallOptions = {},
  ): Promise<Detailed<unknown>> {
    const call = observer.begin('samekey.once', options.traceparent, { 'samekey.key': key });
    const { traceparent } = call;
    try {
      const result = await once.detailed(key, (context) => call.run(() => fn(context)), {
        ...options,
        ...(traceparent !== undefined && { traceparent }),
      });
      call.setOutcome(result.outcome, result.layer);
      call.end();
      return result;
    } catch (error) {
      call.fail(error);
      throw error;
    }
  }
  const value = async (key: string, fn: Run, options?: CallOptions) =>
    (await detailed(key, fn, options)).value;
  return Object.assign(value, { detailed });
}
