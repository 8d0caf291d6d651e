/** Many messages in one call: four at a time, in the lanes of a vector. */
import { hash } from 'node:crypto';
import { createRandom } from '../random.mjs';
import { sha256Hex } from '../reference.mjs';
import { keysHex, samekeyContenders } from './samekey.mjs';

const MESSAGES = 10_000;
const MIB = 2 ** 20;
/** Inputs of one kind, used in turn. */
const VARIANTS = 2;
/** The characters of order numbers, paths and prompts. ASCII: texts and bytes have the same length. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-_/:., {}"ABCDEFGHIJKLMNOPQR';

/** @type {Record<string, { label: string, count: number, lengths: [number, number], as: string }>} */
const CELLS = {
  'short-texts': { label: '16–119 B texts', count: MESSAGES, lengths: [16, 119], as: 'texts' },
  'short-bytes': { label: '16–119 B bytes', count: MESSAGES, lengths: [16, 119], as: 'bytes' },
  'mid-texts': { label: '64 B–1 KiB texts', count: MESSAGES, lengths: [64, 1024], as: 'texts' },
  'mid-bytes': { label: '64 B–1 KiB bytes', count: MESSAGES, lengths: [64, 1024], as: 'bytes' },
  lanes: { label: '8 × 1 MiB', count: 8, lengths: [MIB, MIB], as: 'bytes' },
  large: { label: '4 × 1 MiB', count: 4, lengths: [MIB, MIB], as: 'bytes' },
};

/**
 * @param {string} cellId
 * @param {number} variant
 * @returns {(string | Uint8Array)[]}
 */
function messages(cellId, variant) {
  const { count = 0, lengths = [0, 0], as } = CELLS[cellId] ?? {};
  const random = createRandom(300 + variant);
  const [shortest, longest] = lengths;
  return Array.from({ length: count }, () => {
    const bytes = random.bytes(shortest + random.below(longest - shortest + 1));
    if (as === 'bytes') return bytes;
    // Decoded as by a reader of files or sockets, so that the text is flat.
    return Buffer.from(bytes.map((byte) => LETTERS.charCodeAt(byte & 63))).toString();
  });
}

/** @param {(message: string | Uint8Array) => string} key */
const oneByOne = (key) => (/** @type {(string | Uint8Array)[]} */ list) => list.map((m) => key(m));

/** @param {readonly (string | Uint8Array)[]} list keys or digests */
const read = (list) =>
  typeof list[0] === 'string'
    ? keysHex(/** @type {string[]} */ (list))
    : list.map((digest) => Buffer.from(digest).toString('hex')).join('\n');

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'Many messages in one call',
  note:
    '10,000 messages: sha256HexBatch, against a loop that makes hex digests one by one. ' +
    '4 and 8 × 1 MiB: sha256Batch, which gives bytes. Processor time.',
  isProcessorTime: true,
  cells: Object.entries(CELLS).map(([id, { label }]) => ({
    id,
    label,
    bytes: messages(id, 0).reduce((sum, { length }) => sum + length, 0),
  })),
  inputs: (cellId) => Array.from({ length: VARIANTS }, (_, variant) => messages(cellId, variant)),
  expected: (list) => list.map(sha256Hex).join('\n'),
  contenders: [
    ...samekeyContenders(
      ({ sha256HexBatch, sha256Batch }) =>
        (list) =>
          list.length === MESSAGES ? sha256HexBatch(list) : sha256Batch(list),
      read,
      ['auto', 'wasm', 'js'],
    ),
    {
      name: 'node:crypto hash',
      load: async () => oneByOne((message) => hash('sha256', message, 'hex')),
      read,
    },
    {
      name: 'hash-wasm',
      async load() {
        const { createSHA256 } = await import('hash-wasm');
        const hasher = await createSHA256();
        return oneByOne((message) => hasher.init().update(message).digest('hex'));
      },
      read,
    },
  ],
  ratios: [
    { of: 'samekey wasm', over: 'node:crypto hash' },
    { of: 'samekey wasm', over: 'hash-wasm' },
    { of: 'samekey auto', over: 'node:crypto hash' },
  ],
};
