/**
 * The outcomes that a request can have, and how a response shows them.
 *
 * - `answer`: the provider does the work, bills it and answers;
 * - `late:2500`: the same, but answers after so many milliseconds;
 * - `slow-stream:100`: the same, with so many milliseconds before each chunk;
 * - `lose`: does and bills the work, then breaks the connection without an answer;
 * - `cut`: does and bills the work, sends half of the answer, then breaks the connection;
 * - `end-early`: does and bills the work, sends half of the answer, then ends it as if it were complete;
 * - `stall`: does and bills the work, sends half of the answer, then sends nothing more;
 * - `refuse`: does and bills the work, then answers 429, because this request exceeded the limit;
 * - `hang`: does nothing and does not answer;
 * - `429`, `429:500`, `500`, `503`, `529`, …: does nothing and answers with this status, with the
 *   milliseconds in `retry-after-ms`;
 * - `partial:3`: every third item of a batch fails and is not billed;
 * - an object: does nothing and sends this answer.
 *
 * @typedef {string | { status: number, headers?: Record<string, string>, body?: unknown }} Mood
 */
import { setTimeout as sleep } from 'node:timers/promises';

const NAMES =
  /^(?:answer|late|slow-stream|lose|cut|end-early|stall|refuse|hang|partial|[45]\d\d)(?::\d+)?$/;

/** The default number of a mood. */
const DEFAULTS = { late: 2500, 'slow-stream': 100, partial: 3, 429: 20 };

/**
 * Splits a mood into its name and its number.
 *
 * @param {Mood} mood
 * @throws {RangeError} if the mood is unknown
 */
export function readMood(mood) {
  if (typeof mood === 'object') return { name: 'literal', isWorking: false, literal: mood };
  if (!NAMES.test(mood)) throw new RangeError(`There is no mood ${JSON.stringify(mood)}`);
  const [name, number] = mood.split(':');
  const isStatus = /^\d/.test(name);
  return {
    name: isStatus ? 'status' : name,
    status: isStatus ? Number(name) : undefined,
    number: number === undefined ? DEFAULTS[name] : Number(number),
    isWorking: !isStatus && name !== 'hang',
  };
}

/**
 * Sends an answer in the way of a mood.
 *
 * @param {import('node:http').ServerResponse} response
 * @param {{ status?: number, headers: Record<string, string>, chunks: readonly (string | Uint8Array)[] }} answer
 *   with the chunks of a stream, or with one chunk
 */
export async function send(response, { status = 200, headers, chunks }, { name, number }) {
  if (name === 'late') await sleep(number, undefined, { ref: false });
  if (response.destroyed) return;
  const isStream = chunks.length > 1;
  if (isStream || name === 'end-early') response.writeHead(status, headers);
  else response.writeHead(status, { ...headers, 'content-length': sizeOf(chunks[0]) });

  const pieces = isStream ? chunks : halves(chunks[0]);
  const isWhole = !['cut', 'end-early', 'stall'].includes(name);
  for (const piece of isWhole ? pieces : pieces.slice(0, Math.ceil(pieces.length / 2))) {
    if (name === 'slow-stream') await sleep(number, undefined, { ref: false });
    if (response.destroyed) return;
    // Waits only for a slow reader.
    if (!response.write(piece)) await written(response, '');
  }
  if (name === 'cut') {
    await written(response, '');
    response.destroy();
  } else if (name !== 'stall') response.end();
}

/** Resolves when everything is sent, so that a connection which breaks then breaks after it. */
const written = (response, piece) => new Promise((resolve) => response.write(piece, resolve));

const sizeOf = (content) => Buffer.byteLength(content);

function halves(content) {
  const bytes = Buffer.from(content);
  const middle = bytes.length >> 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}
