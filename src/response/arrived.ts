import { afterEvents } from '../runtime/runtime.js';
import type { ResponseBody } from './response-data.js';

/**
 * How many turns of the microtask queue a chunk may take that is in memory already. On Node.js 20 to 26
 * one of text or bytes takes at most 3, and 5 if the body is piped through another stream.
 */
const MAX_TURNS = 16;

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
export const readArrived = (body: ResponseBody, maxBytes: number): Promise<Arrived> =>
  readWhile(body, maxBytes, () => settledSoon);

/**
 * Reads what came with the head of a response that was received by HTTP, up to `maxBytes`. Node.js 20 to 26
 * hands it on, and its end, after the microtasks that follow the head, in the same turn of the event loop.
 * So a short response needs no stream for its readers, which took 0.1 ms of a call.
 */
export const readReceived = (body: ResponseBody, maxBytes: number): Promise<Arrived> =>
  readWhile(body, maxBytes, untilTurnEnds);

/** Resolves to `undefined` if nothing was read in time. */
type Wait = (reading: Promise<Result>) => Promise<Result | undefined>;

async function readWhile(
  body: ResponseBody,
  maxBytes: number,
  startWaiting: () => Wait,
): Promise<Arrived> {
  if (body === null || body instanceof Uint8Array) return wholeBody(body);
  const source = body.getReader();
  const wait = startWaiting();
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  let isWhole = false;
  let reading: Promise<Result> | undefined = source.read();
  while (byteCount <= maxBytes) {
    const result: Result | undefined = await wait(reading);
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

/** A body that is in memory, or none. */
export function wholeBody(body: Uint8Array | null): Arrived {
  const chunks = body === null ? [] : [body];
  return { chunks, byteCount: body?.length ?? 0, isWhole: true, read: atEnd, cancel() {} };
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

/** A source in memory that never ends must not hold an abort back. */
const MAX_DRAINED_READS = 1024;

/** How far a response is read. */
interface Progress {
  /** Whether nothing more is read. */
  isOver(): boolean;
  /** Settles once what came with the head is read; `undefined` before and after. */
  reading(): Promise<unknown> | undefined;
  byteCount(): number;
}

/** Resolves when the reader of a response waits for more, has its end, or has read very much. */
export async function untilDrained({ isOver, reading, byteCount }: Progress): Promise<void> {
  let count = byteCount();
  let readCount = 0;
  for (let turn = 0; turn < MAX_TURNS && readCount < MAX_DRAINED_READS && !isOver(); turn++) {
    await reading();
    if (byteCount() === count) continue;
    count = byteCount();
    readCount++;
    turn = 0;
  }
}

function untilTurnEnds(): Wait {
  let isOver = false;
  let giveUp = () => {};
  afterEvents(() => {
    isOver = true;
    giveUp();
  });
  return (reading) =>
    new Promise((resolve) => {
      giveUp = () => resolve(undefined);
      if (isOver) giveUp();
      else reading.then(resolve, giveUp);
    });
}
