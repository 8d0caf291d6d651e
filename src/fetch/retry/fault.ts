import { own } from '../../options/own.js';
import { hasError } from '../../providers/failure.js';
import { mediaType } from '../../request/counted-headers.js';
import { answerOf } from '../../response/answer.js';
import { toValue } from '../../response/json-reader.js';
import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';

/** The details of an error response, from its body and headers. */
export interface Fault {
  /** Error types, codes and statuses, in the provider's own words. */
  readonly codes: readonly string[];
  /** The wait that the body asks for. */
  readonly retryDelayMs: number | undefined;
  /** The HTTP status that the body names: gateways report the error of a provider so. */
  readonly status: number | undefined;
}

/** The bodies of errors are shorter than this, and arrive within this time. */
const MAX_BYTES = 64 * 1024;
const MAX_MS = 2000;

/** Reads a copy of the body, so that the caller still receives the response with its body unread. */
export async function faultOf(response: Response): Promise<Fault> {
  const { codes, ...fault } = faultIn(await readJson(response));
  // The REST protocols of AWS: `ThrottlingException:http://…`
  const header = response.headers.get('x-amzn-errortype')?.split(':')[0];
  return { ...fault, codes: header ? [header, ...codes] : codes };
}

/**
 * Returns the fault of a response that says in its JSON that it failed, although its status is a
 * success; `undefined` for any other response. A failure that an API of models tells without a status is
 * its server's, a 500. One of another API may be a result that each attempt has, such as a declined card.
 * A stream is not read to its end: its caller waits for its beginning.
 */
export async function faultInSuccess(response: Response): Promise<Fault | undefined> {
  const document = await readJson(response, isBeginOfStream);
  if (document === undefined) return undefined;
  const { failure, rules } = answerOf(document);
  if (failure === undefined || (rules && own(rules, 'isFailureResult'))) return undefined;
  const fault = faultIn(document);
  return rules === undefined ? fault : { ...fault, status: fault.status ?? 500 };
}

/** Whether a text begins an array, as a stream of Gemini without events does. An error comes as a whole. */
const isBeginOfStream = (text: string) => /^\s*\[/.test(text) && !/\]\s*$/.test(text);

/**
 * Returns the body if it is JSON; `undefined` if it is not, or is too long, too late or broken.
 * `isEnough` looks at what has arrived: if it returns `true`, no more is read.
 */
async function readJson(
  response: Response,
  isEnough: (text: string) => boolean = () => false,
): Promise<unknown> {
  const type = mediaType(response.headers.get('content-type'));
  const isJson = type === '' || (/[/+]json$/.test(type) && type !== 'application/stream+json');
  if (!isJson || response.body === null || response.bodyUsed) return undefined;
  return toValue(await readText(response.clone(), isEnough));
}

/** Returns the text of a body, or `''` if it is too long, too late or broken. */
async function readText({ body }: Response, isEnough: (text: string) => boolean): Promise<string> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let timer: Timer | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimer(() => resolve(undefined), MAX_MS);
  });
  try {
    let text = '';
    while (text.length <= MAX_BYTES) {
      const read = await Promise.race([reader.read(), timeout]);
      if (read === undefined) return '';
      if (read.done) return text + decoder.decode();
      text += decoder.decode(read.value, { stream: true });
      if (isEnough(text)) return '';
    }
    return '';
  } catch {
    // The connection broke. The status alone decides.
    return '';
  } finally {
    clearTimer(timer);
    reader.cancel().catch(() => {});
  }
}

function faultIn(parsed: unknown): Fault {
  // A stream of Gemini answers with an array of one error.
  const [answer] = [parsed].flat() as unknown[];
  if (!isObject(answer)) return { codes: [], retryDelayMs: undefined, status: undefined };
  const choice = Array.isArray(answer.choices) ? answer.choices.find(hasError) : undefined;
  const error = [choice?.error, answer.error].find(isObject) ?? answer;
  const details = Array.isArray(error.details) ? error.details.filter(isObject) : [];
  const quotas = details.flatMap(({ violations }) =>
    Array.isArray(violations) ? violations.filter(isObject).map(({ quotaId }) => quotaId) : [],
  );
  const codes = [
    error.type,
    error.code,
    error.status,
    isObject(error.details) ? error.details.error_code : undefined,
    // `com.amazon.coral.service#ThrottlingException`
    typeof answer.__type === 'string' ? answer.__type.split('#').pop() : undefined,
    ...details.map(({ reason }) => reason),
    ...quotas,
  ];
  const delay = details.find(({ retryDelay }) => typeof retryDelay === 'string')?.retryDelay;
  return {
    codes: codes.filter((code): code is string => typeof code === 'string' && code !== ''),
    retryDelayMs: typeof delay === 'string' ? durationMs(delay) : undefined,
    status: [error.code, error.status, error.http_status_code].map(Number).find(isErrorStatus),
  };
}

const isErrorStatus = (status: number) => status >= 400 && status < 600;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A `google.protobuf.Duration` in JSON: `46s`, `1.500s`. */
function durationMs(text: string): number | undefined {
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}
