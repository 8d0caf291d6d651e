/** The whole pipeline from raw bytes: the body of a request → canonical JSON → SHA-256 → key. */
import { KINDS, payloadIds, payloadLabel, payloadText } from '../payloads.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { BEST_PEER } from './index.mjs';
import { BODY_PIPELINES, parse } from './peers.mjs';
import { keyHex, samekeyContenders } from './samekey.mjs';

const VARIANTS = 4;

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'keyOfJson: raw body → key',
  note:
    'A peer is JSON.parse + its canonical text + node:crypto hash, hex. ' +
    'JSON.parse alone is what any way through objects has to pay first.',
  cells: payloadIds.map((id) => ({
    id,
    label: payloadLabel(id),
    bytes: Buffer.byteLength(payloadText(id, 0)),
  })),
  inputs: (cellId) =>
    Array.from({ length: VARIANTS }, (_, variant) => Buffer.from(payloadText(cellId, variant))),
  expected: (body) => sha256Hex(canonicalText(JSON.parse(body.toString()))),
  contenders: [
    ...samekeyContenders(
      ({ keyOfJson }) =>
        (body) =>
          keyOfJson(body),
      keyHex,
      ['auto', 'wasm', 'js'],
    ),
    ...BODY_PIPELINES,
    {
      name: 'JSON.parse alone',
      load: async () => parse,
      read: (value) => sha256Hex(canonicalText(value)),
    },
  ],
  peers: BODY_PIPELINES.map(({ name }) => name),
  meanOf: KINDS,
  ratios: [
    { of: 'samekey auto', over: BEST_PEER },
    { of: 'samekey wasm', over: BEST_PEER },
    { of: 'samekey js', over: BEST_PEER },
    { of: 'samekey auto', over: 'JSON.parse alone' },
  ],
};
