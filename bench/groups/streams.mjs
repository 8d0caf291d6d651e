/** Many concurrent streams: chunks that arrive together are digested four at a time. */
import { createHash } from 'node:crypto';
import { createRandom } from '../random.mjs';
import { sha256Hex } from '../reference.mjs';
import { keysHex, loadSamekey } from './samekey.mjs';

const STREAMS = 64;
const STREAM_BYTES = 2 ** 20;
const ENGINES = /** @type {const} */ (['wasm', 'auto']);
/** The chunk size of a file stream in Node. */
const CHUNK_BYTES = 64 * 1024;

/** @param {Uint8Array} bytes */
async function* chunksOf(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** @typedef {(stream: AsyncIterable<Uint8Array>) => Promise<string>} KeyOfStream */

/** @param {KeyOfStream} key */
const atOnce = (key) => (/** @type {Uint8Array[]} */ contents) =>
  Promise.all(contents.map((bytes) => key(chunksOf(bytes))));

/** @param {KeyOfStream} key */
const inTurn = (key) => async (/** @type {Uint8Array[]} */ contents) => {
  const keys = [];
  for (const bytes of contents) keys.push(await key(chunksOf(bytes)));
  return keys;
};

/**
 * @param {{ update(chunk: Uint8Array): unknown, digest(form: 'hex'): string }} hasher
 * @param {AsyncIterable<Uint8Array>} stream
 */
async function digestOf(hasher, stream) {
  for await (const chunk of stream) hasher.update(chunk);
  return hasher.digest('hex');
}

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: `${STREAMS} streams of 1 MiB`,
  note: `Chunks of ${CHUNK_BYTES / 1024} KiB. "in turn" begins a stream when the last one has ended.`,
  cells: [{ id: 'streams', label: `${STREAMS} × 1 MiB`, bytes: STREAMS * STREAM_BYTES }],
  inputs() {
    const random = createRandom(64);
    return [Array.from({ length: STREAMS }, () => random.bytes(STREAM_BYTES))];
  },
  expected: (contents) => contents.map(sha256Hex).join('\n'),
  contenders: [
    ...ENGINES.flatMap((engine) =>
      Object.entries({ 'at once': atOnce, 'in turn': inTurn }).map(([how, run]) => ({
        name: `samekey ${engine}, ${how}`,
        isAsync: true,
        load: () => loadSamekey(engine, ({ keyOfStream }) => run((stream) => keyOfStream(stream))),
        read: keysHex,
      })),
    ),
    {
      name: 'node:crypto createHash, at once',
      isAsync: true,
      load: async () => atOnce((stream) => digestOf(createHash('sha256'), stream)),
      read: keysHex,
    },
    {
      name: 'hash-wasm, at once',
      isAsync: true,
      async load() {
        const { createSHA256 } = await import('hash-wasm');
        return atOnce(async (stream) => digestOf((await createSHA256()).init(), stream));
      },
      read: keysHex,
    },
  ],
  ratios: [
    { of: 'samekey wasm, at once', over: 'samekey wasm, in turn' },
    { of: 'samekey wasm, at once', over: 'hash-wasm, at once' },
    { of: 'samekey auto, at once', over: 'node:crypto createHash, at once' },
  ],
};
