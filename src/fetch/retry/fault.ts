import { mediaType } from '../../request/counted-headers.js';
import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';

/** The details of an error response, from its body and headers. */
export interface Fault {
  /** Error types, codes and statuses, in the provider's own words. */
  readonly codes: readonly string[];
  /** The wait that the body asks for. */
  readonly retryDelayMs: number | undefined;
}

/** The bodies of errors are shorter than this, and arrive within this time. */
const MAX_BYTES = 64 * 1024;
const MAX_MS = 2000;

/** Reads a copy of the body, so that the caller still receives the response with its body unread. */
export async function faultOf(response: Response): Promise<Fault> {
  const type = mediaType(response.headers.get('content-type'));
  const isJson = type === '' || /[/+]json$/.test(type);
  const body =
    isJson && response.body !== null && !response.bodyUsed ? await readText(response.clone()) : '';
  const { codes, retryDelayMs } = faultIn(body);
  // The REST protocols of AWS: `ThrottlingException:http://…`
  const header = response.headers.get('x-amzn-errortype')?.split(':')[0];
  return { codes: header ? [header, ...codes] : codes, retryDelayMs };
}

/** Returns the text of a body, or `''` if it is too long, too late or broken. */
async function readText({ body }: Response): Promise<string> {
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

function faultIn(body: string): Fault {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { codes: [], retryDelayMs: undefined };
  }
  // A stream of Gemini answers with an array of one error.
  const [answer] = [parsed].flat() as unknown[];
  if (!isObject(answer)) return { codes: [], retryDelayMs: undefined };
  const error = isObject(answer.error) ? answer.error : answer;
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
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A `google.protobuf.Duration` in JSON: `46s`, `1.500s`. */
function durationMs(text: string): number | undefined {
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}
