/** The whole pipeline: a request object → canonical JSON → SHA-256 → key. */
import { hash } from 'node:crypto';
import { payloadIds, payloadLabel, payloadText } from '../payloads.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { BEST_PEER } from './index.mjs';
import { keyHex, samekeyContenders } from './samekey.mjs';

/** Several of a kind are taken in turn, so that remembering one object's key wins nothing. */
const VARIANTS = 4;

/** @param {string} canonical the fastest call node:crypto has for a text at hand */
const digest = (canonical) => hash('sha256', canonical, 'hex');

/**
 * @param {string} name
 * @param {() => Promise<(value: unknown) => string | undefined>} loadCanonicalize
 * @returns {import('./index.mjs').Contender}
 */
const pipeline = (name, loadCanonicalize) => ({
  name,
  async load() {
    const canonicalize = await loadCanonicalize();
    return (value) => digest(/** @type {string} */ (canonicalize(value)));
  },
});

const peers = [
  pipeline('canonicalize', async () => (await import('canonicalize')).default),
  pipeline('json-canonicalize', async () => (await import('json-canonicalize')).canonicalize),
  pipeline('safe-stable-stringify', async () =>
    (await import('safe-stable-stringify')).configure({ deterministic: true }),
  ),
  pipeline(
    'fast-json-stable-stringify',
    async () => (await import('fast-json-stable-stringify')).default,
  ),
];

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'keyOf: request object → key',
  note:
    'A peer is its canonical text + node:crypto hash, hex. ' +
    'JSON.stringify alone is a lower bound, not a key: no order, no digest.',
  cells: payloadIds.map((id) => ({
    id,
    label: payloadLabel(id),
    bytes: Buffer.byteLength(payloadText(id, 0)),
  })),
  inputs: (cellId) =>
    Array.from({ length: VARIANTS }, (_, variant) => JSON.parse(payloadText(cellId, variant))),
  expected: (value) => sha256Hex(canonicalText(value)),
  contenders: [
    ...samekeyContenders(
      ({ keyOf }) =>
        (value) =>
          keyOf(value),
      keyHex,
    ),
    ...peers,
    {
      name: 'JSON.stringify alone',
      load: async () => (value) => JSON.stringify(value),
      read: (text) => sha256Hex(canonicalText(JSON.parse(text))),
    },
  ],
  peers: peers.map(({ name }) => name),
  ratios: [
    { of: 'samekey auto', over: BEST_PEER },
    { of: 'samekey wasm', over: BEST_PEER },
    { of: 'samekey js', over: BEST_PEER },
    { of: 'samekey auto', over: 'canonicalize' },
    { of: 'samekey auto', over: 'JSON.stringify alone' },
  ],
};
