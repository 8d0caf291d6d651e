import { decoder } from '../engine/utf8.js';
import { joinChunks } from '../response/chunks.js';

/**
 * How many turns of the microtask queue the next chunk may take. In Node.js the longest measured way, of
 * a text through the store's claim, takes fewer than 20.
 */
const MAX_TURNS = 64;
/** The longest body that is held until it ends. */
const MAX_BYTES = 1024 * 1024;

/** A control character, or a byte that is not UTF-8. */
const BINARY = /[^\P{Cc}\s]|\ufffd/u;

type Result = ReadableStreamReadResult<Uint8Array>;

/**
 * Returns the response with a body of known length if its body ends at once, as a text or JSON does.
 * Platforms announce the length of such a body with `content-length` and send every stream in chunks,
 * and behind samekey every body is a stream. An empty body becomes none, unless it has a type.
 */
export async function withKnownLength(response: Response): Promise<Response> {
  const { status, statusText, headers, body } = response;
  if (body === null) return response;
  const init = { status, statusText, headers };
  const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  let next: Promise<Result> | undefined = reader.read();
  while (byteCount <= MAX_BYTES) {
    const result = await settledSoon(next);
    if (result === undefined) break;
    if (result.done) return new Response(wholeBody(chunks, byteCount, headers) as BodyInit, init);
    chunks.push(result.value);
    byteCount += result.value.length;
    next = reader.read();
  }
  const rest = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks.shift();
        if (chunk !== undefined) return controller.enqueue(chunk);
        const { done, value } = await (next ?? reader.read());
        next = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(rest, init);
}

function wholeBody(chunks: Uint8Array[], byteCount: number, headers: Headers) {
  if (headers.has('content-type')) return byteCount === 0 ? '' : joinChunks(chunks, byteCount);
  if (byteCount === 0) return null;
  const bytes = joinChunks(chunks, byteCount);
  // Bun shows no content type of a text and adds it when it sends the text, other than that of bytes.
  if (new Response('').headers.has('content-type')) return bytes;
  const text = decoder.decode(bytes);
  return BINARY.test(text) ? bytes : text;
}

/** Waits without a timer: fake timers of a test would hold the response back. */
async function settledSoon(reading: Promise<Result>): Promise<Result | undefined> {
  let result: Result | undefined;
  let isOver = false;
  reading.then(
    (read) => {
      result = read;
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  for (let turn = 0; turn < MAX_TURNS && !isOver; turn++) await undefined;
  return result;
}
