import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Verdict } from '../../../src/providers/provider.js';

/** A message of `application/vnd.amazon.eventstream`. */
export interface Frame {
  /** Headers whose value is text. */
  readonly headers: Readonly<Record<string, string>>;
  /** The payload, or `bytes`. */
  readonly payload?: string;
  /** A payload that InvokeModel wraps, in base64, in the member `bytes` of a JSON object. */
  readonly bytes?: string;
  /** How many bytes are missing at its end. */
  readonly cutBytes?: number;
  /** Added to the length in the prelude, with a right checksum over it. */
  readonly lengthLie?: number;
  /** Which checksum is wrong. */
  readonly wrongChecksum?: 'prelude' | 'message';
}

/** A response of an API, and its verdict. */
export interface Shape {
  readonly id: string;
  readonly provider: string;
  readonly api: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  /** The JSON body of the request. Default: a chat request, with `stream` if the response is a stream. */
  readonly request?: unknown;
  /** A list is sent in chunks without a length, anything else with a length. */
  readonly body: string | { readonly base64: string } | readonly (string | Frame)[];
  /** After how many chunks the answer is whole. Default: after all of them. */
  readonly wholeAfter?: number;
  /** The row of "bad input" in docs/verdicts.md that it is an example of. */
  readonly badInput?: string;
  readonly verdict: Verdict;
  readonly why: string;
  /** The page, or the file and its version, that documents or sends it. */
  readonly source: string;
}

const FOLDER = new URL('.', import.meta.url);

/** The shapes by the name of their file. */
export const corpus: ReadonlyMap<string, readonly Shape[]> = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => [
      name.replace('.json', ''),
      JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Shape[],
    ]),
);

export const shapes: readonly Shape[] = [...corpus.values()].flat();

const isStreamType = (type: string | null) =>
  /event-?stream|ndjson|jsonl|json-seq|stream\+json/.test(type ?? '');

/** Whether the shape is a list of messages, and not one document, text or bytes. */
export const isStream = (shape: Shape): boolean =>
  Array.isArray(shape.body) && isStreamType(shape.contentType);

export const requestBodyOf = (shape: Shape): string =>
  JSON.stringify(
    shape.request ?? {
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      ...(isStream(shape) ? { stream: true } : {}),
    },
  );

/** The chunks of the body. */
export function chunksOf({ body }: Shape): Buffer[] {
  if (typeof body === 'string') return [Buffer.from(body)];
  if ('base64' in body) return [Buffer.from(body.base64, 'base64')];
  return body.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : toBytes(chunk)));
}

export const bytesOf = (shape: Shape): Buffer => Buffer.concat(chunksOf(shape));

function toBytes(frame: Frame): Buffer {
  const headers = Buffer.concat(
    Object.entries(frame.headers).map(([name, value]) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(value));
      // 7 is the type of text.
      return Buffer.concat([
        Buffer.from([name.length]),
        Buffer.from(name),
        Buffer.from([7]),
        length,
        Buffer.from(value),
      ]);
    }),
  );
  const { bytes, payload = bytes === undefined ? '' : wrap(bytes) } = frame;
  const prelude = Buffer.alloc(12);
  const messageBytes = 16 + headers.length + Buffer.byteLength(payload);
  prelude.writeUInt32BE(messageBytes + (frame.lengthLie ?? 0), 0);
  prelude.writeUInt32BE(headers.length, 4);
  const preludeSum = crc32(prelude.subarray(0, 8));
  prelude.writeUInt32BE((frame.wrongChecksum === 'prelude' ? preludeSum ^ 1 : preludeSum) >>> 0, 8);
  const message = Buffer.concat([prelude, headers, Buffer.from(payload)]);
  const sum = Buffer.alloc(4);
  const messageSum = crc32(message);
  sum.writeUInt32BE((frame.wrongChecksum === 'message' ? messageSum ^ 1 : messageSum) >>> 0);
  const whole = Buffer.concat([message, sum]);
  return whole.subarray(0, whole.length - (frame.cutBytes ?? 0));
}

const wrap = (text: string) =>
  JSON.stringify({ bytes: Buffer.from(text).toString('base64'), p: 'abcdefghijkl' });
