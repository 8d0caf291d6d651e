/** The whole pipeline: a request object → canonical JSON → SHA-256 → key. */
import { KINDS, payloadIds, payloadLabel, payloadText } from '../payloads.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { BEST_PEER } from './index.mjs';
import { digest, STABLE_STRINGIFY } from './peers.mjs';
import { keyHex, samekeyContenders } from './samekey.mjs';

/** Several inputs of one kind take turns, so that a cache of one object gains nothing. */
const VARIANTS = 4;

const peers = STABLE_STRINGIFY.map(({ name, load }) => ({
  name,
  async load() {
    const stringify = await load();
    return (/** @type {unknown} */ value) => digest(stringify(value));
  },
}));

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
      // `native` writes as `js` does.
      ['auto', 'wasm', 'js'],
    ),
    ...peers,
    {
      name: 'JSON.stringify alone',
      load: async () => (value) => JSON.stringify(value),
      read: (text) => sha256Hex(canonicalText(JSON.parse(text))),
    },
  ],
  peers: peers.map(({ name }) => name),
  meanOf: KINDS,
  ratios: [
    { of: 'samekey auto', over: BEST_PEER },
    { of: 'samekey wasm', over: BEST_PEER },
    { of: 'samekey js', over: BEST_PEER },
    { of: 'samekey auto', over: 'canonicalize' },
    { of: 'samekey auto', over: 'JSON.stringify alone' },
    { of: 'samekey wasm', over: 'JSON.stringify alone' },
  ],
};
