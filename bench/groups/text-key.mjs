/** A key from a short text, for example an order number or a file name. */
import { createHash, hash } from 'node:crypto';
import { createRandom } from '../random.mjs';
import { sha256Hex } from '../reference.mjs';
import { keyHex, samekeyContenders } from './samekey.mjs';

const LENGTH = 50;

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: `Key of a ${LENGTH}-character text`,
  note: "samekey's text is the whole key, prefix included; the others' is the bare digest.",
  cells: [{ id: 'text', label: `${LENGTH} chars`, bytes: LENGTH }],
  inputs() {
    const random = createRandom(50);
    const texts = Array.from(
      { length: 64 },
      () => `orders/2025/${Buffer.from(random.bytes(16)).toString('hex')}/retry`,
    );
    return JSON.parse(JSON.stringify(texts));
  },
  expected: sha256Hex,
  contenders: [
    ...samekeyContenders(
      ({ sha256Hex: key }) =>
        (text) =>
          key(text),
      keyHex,
    ),
    {
      name: 'node:crypto hash',
      load: async () => (text) => hash('sha256', text, 'hex'),
    },
    {
      name: 'node:crypto createHash',
      load: async () => (text) => createHash('sha256').update(text).digest('hex'),
    },
    {
      name: 'hash-wasm',
      async load() {
        const { createSHA256 } = await import('hash-wasm');
        const hasher = await createSHA256();
        return (text) => hasher.init().update(text).digest('hex');
      },
    },
    {
      name: '@noble/hashes',
      async load() {
        const { sha256 } = await import('@noble/hashes/sha2.js');
        const { bytesToHex, utf8ToBytes } = await import('@noble/hashes/utils.js');
        return (text) => bytesToHex(sha256(utf8ToBytes(text)));
      },
    },
  ],
  ratios: [
    { of: 'samekey auto', over: 'node:crypto createHash' },
    { of: 'samekey auto', over: 'node:crypto hash' },
    { of: 'samekey wasm', over: 'hash-wasm' },
    { of: 'samekey js', over: '@noble/hashes' },
  ],
};
