/** A name-based UUID (RFC 9562 §5.5) of a URL, in the URL namespace. */
import { createRandom } from '../random.mjs';
import { uuidv5 as reference } from '../reference.mjs';
import { samekeyContenders } from './samekey.mjs';

const NAMESPACE_URL = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';
const namespaceBytes = Buffer.from(NAMESPACE_URL.replaceAll('-', ''), 'hex');

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'UUIDv5 of a 40-character URL',
  cells: [{ id: 'url', label: '40 chars', bytes: 40 }],
  inputs() {
    const random = createRandom(5);
    const urls = Array.from(
      { length: 64 },
      () => `https://example.com/${Buffer.from(random.bytes(10)).toString('hex')}`,
    );
    return JSON.parse(JSON.stringify(urls));
  },
  expected: (url) => reference(namespaceBytes, url),
  contenders: [
    ...samekeyContenders(
      ({ uuidv5 }) =>
        (url) =>
          uuidv5(NAMESPACE_URL, url),
    ),
    {
      name: 'node:crypto by hand',
      load: async () => (url) => reference(namespaceBytes, url),
    },
    {
      name: 'uuid',
      async load() {
        const { v5 } = await import('uuid');
        return (url) => v5(url, NAMESPACE_URL);
      },
    },
  ],
  ratios: [
    { of: 'samekey auto', over: 'uuid' },
    { of: 'samekey wasm', over: 'uuid' },
    { of: 'samekey js', over: 'uuid' },
    { of: 'samekey auto', over: 'node:crypto by hand' },
  ],
};
