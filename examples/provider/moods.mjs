/**
 * What may happen to a request, and how it is done to a response.
 *
 * - `answer`: its work is done, billed, and the answer sent;
 * - `late:2500`: the same, but the answer is sent after so many milliseconds;
 * - `slow-stream:100`: the same, with so many milliseconds before each chunk;
 * - `lose`: done and billed, and then the connection breaks without an answer;
 * - `cut`: done and billed; half of the answer is sent, and then the connection breaks;
 * - `end-early`: done and billed; half of the answer is sent, and then it ends as if that were all;
 * - `stall`: done and billed; half of the answer is sent, and then nothing more comes;
 * - `refuse`: done and billed, and then the answer is 429, because with this one the limit is passed;
 * - `hang`: nothing is done, and nothing is said;
 * - `429`, `429:500`, `500`, `503`, `529`, …: nothing is done, and the answer is this status, with
 *   the milliseconds in `retry-after-ms`;
 * - `partial:3`: of a batch, every third item ends with an error, and is not billed;
 * - an object: nothing is done, and this is the answer.
 *
 * @typedef {string | { status: number, headers?: Record<string, string>, body?: unknown }} Mood
 */
import { setTimeout as sleep } from 'node:timers/promises';

const NAMES =
  /^(?:answer|late|slow-stream|lose|cut|end-early|stall|refuse|hang|partial|[45]\d\d)(?::\d+)?$/;

/** What a mood's number is if it has none. */
const DEFAULTS = { late: 2500, 'slow-stream': 100, partial: 3, 429: 20 };

/**
 * Takes a mood apart.
 *
 * @param {Mood} mood
 * @throws {RangeError} for one that there is not
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
 * Sends an answer as a mood has it.
 *
 * @param {import('node:http').ServerResponse} response
 * @param {{ status?: number, headers: Record<string, string>, chunks: readonly (string | Uint8Array)[] }} answer
 *   the chunks of a stream, or the one of anything else
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
    // Only who reads slowly is waited for.
    if (!response.write(piece)) await written(response, '');
  }
  if (name === 'cut') {
    await written(response, '');
    response.destroy();
  } else if (name !== 'stall') response.end();
}

/** All is on its way when this resolves, so that a connection which breaks then breaks after it. */
const written = (response, piece) => new Promise((resolve) => response.write(piece, resolve));

const sizeOf = (content) => Buffer.byteLength(content);

function halves(content) {
  const bytes = Buffer.from(content);
  const middle = bytes.length >> 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}
