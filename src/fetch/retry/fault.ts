import { mediaType } from '../../request/counted-headers.js';
import { clearTimer, setTimer, type Timer } from '../../runtime/runtime.js';

/** What a response says beside its status. */
export interface Fault {
  /** Types, codes and states, as each provider calls them. */
  readonly codes: readonly string[];
  /** What the body asks for. */
  readonly retryDelayMs: number | undefined;
}

/** More is no error's body; and one that does not come is not waited for. */
const MAX_BYTES = 64 * 1024;
const MAX_MS = 2000;

/**
 * Reads what went wrong from a copy of the body, so that the response itself can be handed on as it
 * came.
 */
export async function faultOf(response: Response): Promise<Fault> {
  const type = mediaType(response.headers.get('content-type'));
  const isJson = type === '' || /[/+]json$/.test(type);
  const body =
    isJson && response.body !== null && !response.bodyUsed
      ? await beginningOf(response.clone())
      : '';
  const { codes, retryDelayMs } = faultIn(body);
  // `ThrottlingException:http://…` of AWS' REST protocols.
  const header = response.headers.get('x-amzn-errortype')?.split(':')[0];
  return { codes: header ? [header, ...codes] : codes, retryDelayMs };
}

async function beginningOf({ body }: Response): Promise<string> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let timer: Timer | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimer(() => resolve(undefined), MAX_MS);
  });
  try {
    let text = '';
    while (text.length <= MAX_BYTES) {
      const read = await Promise.race([reader.read(), late]);
      if (read === undefined) return '';
      if (read.done) return text + decoder.decode();
      text += decoder.decode(read.value, { stream: true });
    }
    return '';
  } catch {
    // It broke off: the status is all there is.
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
  // Gemini's streams answer with an array of one.
  const [whole] = [parsed].flat() as unknown[];
  if (!isObject(whole)) return { codes: [], retryDelayMs: undefined };
  const error = isObject(whole.error) ? whole.error : whole;
  const details = Array.isArray(error.details) ? error.details.filter(isObject) : [];
  const quotas = details.flatMap(({ violations }) =>
    Array.isArray(violations) ? violations.filter(isObject).map(({ quotaId }) => quotaId) : [],
  );
  const found = [
    error.type,
    error.code,
    error.status,
    isObject(error.details) ? error.details.error_code : undefined,
    // `com.amazon.coral.service#ThrottlingException`
    typeof whole.__type === 'string' ? whole.__type.split('#').pop() : undefined,
    ...details.map(({ reason }) => reason),
    ...quotas,
  ];
  const delay = details.find(({ retryDelay }) => typeof retryDelay === 'string')?.retryDelay;
  return {
    codes: found.filter((code): code is string => typeof code === 'string' && code !== ''),
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
