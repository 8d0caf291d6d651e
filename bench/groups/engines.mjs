/** SHA-256 of bytes, as hex text: every engine and every peer, from 32 B to 16 MiB. */
import { createHash, hash, webcrypto } from 'node:crypto';
import { createRandom } from '../random.mjs';
import { sha256Hex } from '../reference.mjs';
import { keyHex, samekeyContenders } from './samekey.mjs';

const KIB = 1024;
const SIZES = [
  { label: '32 B', bytes: 32 },
  { label: '64 B', bytes: 64 },
  { label: '256 B', bytes: 256 },
  { label: '1 KiB', bytes: KIB },
  { label: '4 KiB', bytes: 4 * KIB },
  { label: '64 KiB', bytes: 64 * KIB },
  { label: '1 MiB', bytes: KIB * KIB },
  { label: '16 MiB', bytes: 16 * KIB * KIB },
];

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'SHA-256 of bytes as hex text',
  note: "samekey's text is the whole key, prefix included; the others' is the bare digest.",
  cells: SIZES.map(({ label, bytes }) => ({ id: label.replace(' ', ''), label, bytes })),
  inputs(cellId) {
    const size = SIZES.findIndex(({ label }) => label.replace(' ', '') === cellId);
    const byteCount = SIZES[size]?.bytes ?? 0;
    const count = byteCount > 64 * KIB ? 1 : 8;
    const random = createRandom(100 + size);
    return Array.from({ length: count }, () => random.bytes(byteCount));
  },
  expected: sha256Hex,
  contenders: [
    ...samekeyContenders(
      ({ sha256Hex: key }) =>
        (bytes) =>
          key(bytes),
      keyHex,
    ),
    {
      name: 'node:crypto hash',
      load: async () => (bytes) => hash('sha256', bytes, 'hex'),
    },
    {
      name: 'node:crypto createHash',
      load: async () => (bytes) => createHash('sha256').update(bytes).digest('hex'),
    },
    {
      name: 'crypto.subtle',
      isAsync: true,
      load: async () => async (bytes) =>
        Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex'),
    },
    {
      name: 'hash-wasm',
      async load() {
        const { createSHA256 } = await import('hash-wasm');
        const hasher = await createSHA256();
        return (bytes) => hasher.init().update(bytes).digest('hex');
      },
    },
    {
      name: '@noble/hashes',
      async load() {
        const { sha256 } = await import('@noble/hashes/sha2.js');
        const { bytesToHex } = await import('@noble/hashes/utils.js');
        return (bytes) => bytesToHex(sha256(bytes));
      },
    },
    {
      name: '@chainsafe/as-sha256',
      async load() {
        const { digest } = await import('@chainsafe/as-sha256');
        return (bytes) => {
          const { buffer, byteOffset, byteLength } = digest(bytes);
          return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
        };
      },
    },
  ],
  ratios: [
    { of: 'samekey wasm', over: 'hash-wasm' },
    { of: 'samekey js', over: '@noble/hashes' },
    { of: 'samekey auto', over: 'node:crypto createHash' },
    { of: 'samekey auto', over: 'node:crypto hash' },
    // Awaited one after another, as code on an edge runtime must do.
    { of: 'samekey wasm', over: 'crypto.subtle' },
  ],
};
