import { hasError, membersOf } from '../providers/failure.js';
import { judgeDocument } from '../response/answer.js';

/** How a request of a batch ended. */
export interface BatchOutcome {
  /** `succeeded` means that there is a response. The others are failures. */
  readonly outcome: 'succeeded' | 'errored' | 'expired' | 'canceled';
  /** The message, or the body of the response, of a request that succeeded. */
  readonly response?: unknown;
  /** The provider's error, for a request that did not succeed. */
  readonly error?: unknown;
}

type Line = Readonly<Record<string, unknown>>;

const FAILURES = ['errored', 'expired', 'canceled'] as const;

/**
 * Reads a result of Anthropic (`result`), or a line of the output and error files of OpenAI and Mistral
 * (`response` with a `status_code`, `error`). Gemini's results are the same without a status. Returns
 * `undefined` for anything else.
 *
 * The body decides what a response with a 2xx status is: a body that says that it failed is a failure.
 */
export function outcomeOf(line: Line): BatchOutcome | undefined {
  const { result, response, error } = membersOf(line);
  if (isObject(result)) {
    const { type, message, error: reason } = membersOf(result);
    if (type === 'succeeded') return judged(message);
    const outcome = FAILURES.find((each) => each === type);
    return outcome && { outcome, error: reason };
  }
  if (saysSomething(error)) return { outcome: outcomeOfCode(membersOf(error).code), error };
  if (!isObject(response)) return undefined;
  const { status_code: status, body } = membersOf(response);
  // Gemini: the response is the body.
  if (status === undefined && body === undefined) {
    return Object.keys(response).length > 0 ? judged(response) : undefined;
  }
  if (!/^[1-5]\d\d$/.test(String(status))) return undefined;
  return Number(status) >= 200 && Number(status) < 300
    ? judged(body)
    : { outcome: 'errored', error: errorIn(body) };
}

/** The outcome by the body of a response; `undefined` if there is none. */
function judged(body: unknown): BatchOutcome | undefined {
  if (body === undefined || body === null || body === '') return undefined;
  return judgeDocument(body).verdict === 'complete'
    ? { outcome: 'succeeded', response: body }
    : { outcome: 'errored', error: errorIn(body) };
}

const errorIn = (body: unknown) => (hasError(body) ? membersOf(body).error : body);

/** Some servers send an error of empty members beside a good response. */
const saysSomething = (error: unknown): boolean =>
  isObject(error) ? Object.values(error).some(saysSomething) : Boolean(error);

function outcomeOfCode(code: unknown) {
  if (code === 'batch_expired') return 'expired';
  return code === 'batch_cancelled' || code === 'batch_canceled' ? 'canceled' : 'errored';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
