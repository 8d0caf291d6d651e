import type { ResponseBody } from './response-data.js';

/**
 * How many turns of the microtask queue a chunk may take that is in memory already. On Node.js 20 to 26
 * one of text or bytes takes at most 3, and 5 if the body is piped through another stream.
 */
const MAX_TURNS = 16;

/** The most that a platform reads from a connection at once. */
const MAX_PIECE_BYTES = 64 * 1024;

type Result = ReadableStreamReadResult<Uint8Array>;

const atEnd = (): Promise<Result> => Promise.resolve({ done: true, value: undefined });

/** The part of a body that was in memory when its head arrived. */
export interface Arrived {
  readonly chunks: readonly Uint8Array[];
  readonly byteCount: number;
  /** Whether this is the whole body. */
  readonly isWhole: boolean;
  /** Reads the next chunk behind `chunks`. */
  read(): Promise<Result>;
  /** Stops the source. */
  cancel(reason?: unknown): void;
}

/**
 * Reads what is in memory already, up to `maxBytes`. It waits without a timer: a stream that is still
 * arriving must not wait for one, and fake timers of a test would hold it back.
 */
export async function readArrived(body: ResponseBody, maxBytes: number): Promise<Arrived> {
  if (body === null) return whole([]);
  if (body instanceof Uint8Array) return whole([body]);
  const source = body.getReader();
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  let isWhole = false;
  let reading: Promise<Result> | undefined = source.read();
  while (byteCount <= maxBytes) {
    const result = await settledSoon(reading);
    if (result === undefined) break;
    reading = undefined;
    isWhole = result.done;
    if (result.done) break;
    chunks.push(result.value);
    // Something other than bytes is refused when it is recorded.
    if (!(result.value instanceof Uint8Array)) break;
    byteCount += result.value.length;
    reading = source.read();
  }
  return arrivedFrom(source, chunks, byteCount, isWhole, reading);
}

/**
 * Reads the body of a response that was received by HTTP, if it came in one piece with its head. Its end
 * arrives later by itself: on Node.js two turns of the event loop, in which a stream for its readers would
 * be built. The platform refuses more bytes than the declared ones, so there is nothing to wait for.
 */
export async function readReceived(
  body: ResponseBody,
  declaredBytes: number | undefined,
): Promise<Arrived> {
  if (body === null || body instanceof Uint8Array) return readArrived(body, 0);
  const source = body.getReader();
  const reading: Promise<Result> = source.read();
  const canBeWhole = declaredBytes !== undefined && declaredBytes <= MAX_PIECE_BYTES;
  const result = canBeWhole ? await settledSoon(reading) : undefined;
  if (result === undefined) return arrivedFrom(source, [], 0, false, reading);
  const { done, value } = result;
  if (done) return arrivedFrom(source, [], 0, true, undefined);
  // Something other than bytes is refused when it is recorded.
  const isBytes = value instanceof Uint8Array;
  const isWhole = isBytes && value.length === declaredBytes;
  // Lets the platform end the stream, and its work for the request.
  if (isWhole) source.read().catch(() => {});
  return arrivedFrom(source, [value], isBytes ? value.length : 0, isWhole, undefined);
}

function arrivedFrom(
  source: ReadableStreamDefaultReader<Uint8Array>,
  chunks: readonly Uint8Array[],
  byteCount: number,
  isWhole: boolean,
  first: Promise<Result> | undefined,
): Arrived {
  let reading = first;
  // It is read later, perhaps not before it fails.
  reading?.catch(() => {});
  return {
    chunks,
    byteCount,
    isWhole,
    read() {
      if (isWhole) return atEnd();
      const next = reading ?? source.read();
      reading = undefined;
      return next;
    },
    cancel: (reason) => void source.cancel(reason).catch(() => {}),
  };
}

function whole(chunks: readonly Uint8Array[]): Arrived {
  const byteCount = chunks[0]?.length ?? 0;
  return { chunks, byteCount, isWhole: true, read: atEnd, cancel() {} };
}

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
