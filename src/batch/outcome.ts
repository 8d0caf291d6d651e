/** How a request of a batch ended. */
export interface BatchOutcome {
  /** `succeeded` means that there is a response. The others are failures. */
  readonly outcome: 'succeeded' | 'errored' | 'expired' | 'canceled';
  /** The message, or the body of the response, of a request that succeeded. */
  readonly response?: unknown;
  /** The provider's error, for a request that did not succeed. */
  readonly error?: unknown;
}

const FAILURES = ['errored', 'expired', 'canceled'] as const;

/**
 * Reads a result of Anthropic (`result`), or a line of OpenAI's output and error files (`response`,
 * `error`). Returns `undefined` for anything else.
 */
export function outcomeOf(line: Readonly<Record<string, unknown>>): BatchOutcome | undefined {
  const { result, response, error } = line;
  if (isObject(result)) {
    if (result.type === 'succeeded') return { outcome: 'succeeded', response: result.message };
    const outcome = FAILURES.find((type) => type === result.type);
    return outcome && { outcome, error: result.error };
  }
  if (isObject(error)) {
    const { code } = error;
    if (code === 'batch_expired') return { outcome: 'expired', error };
    if (code === 'batch_cancelled' || code === 'batch_canceled') {
      return { outcome: 'canceled', error };
    }
    return { outcome: 'errored', error };
  }
  if (!isObject(response)) return undefined;
  const { status_code: status, body } = response;
  if (typeof status !== 'number') return undefined;
  if (status >= 200 && status < 300) return { outcome: 'succeeded', response: body };
  return { outcome: 'errored', error: isObject(body) && body.error ? body.error : body };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
