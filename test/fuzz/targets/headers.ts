/** Headers that carry a key, a type or a wait. */
import assert from 'node:assert/strict';
import { retryAfterMs } from '../../../src/fetch/retry/delay.js';
import { isKey, parseKey } from '../../../src/index.js';
import { accessKeyOf } from '../../../src/providers/bedrock.js';
import { mediaType, normalizeContentType } from '../../../src/request/counted-headers.js';
import { KeyHeader } from '../../../src/request/key-header.js';
import { boundaryOf, dispositionOf } from '../../../src/request/multipart.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
  '"a\\"b\\\\c";p=1;q="x"',
  'idem_7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3a',
  'ik_ba7816bf8f01cfea414140de5dae2223, other',
  'Text/HTML; Charset="utf-8"; boundary=x ; a=b;',
  'multipart/form-data; boundary="a b"',
  'form-data; name="a"; filename="b\\"c"; filename*=UTF-8\'en\'%c3%a9',
  'AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab',
  '120.5',
  'Wed, 21 Oct 2026 07:28:00 GMT',
];

const KINDS = [
  new KeyHeader({ headerName: 'idempotency-key', keyPrefix: 'ik_', quoted: false }),
  new KeyHeader({ headerName: 'idempotency-key', keyPrefix: 'idem_', quoted: true }),
];

/** RFC 9651 §4.2.5: a String alone, or with parameters behind it. */
const STRING = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/;

export function fuzz(input: Uint8Array): void {
  // As `Headers` gives a value: the characters are bytes, and it has no blanks around it.
  const value = Buffer.from(input)
    .toString('latin1')
    .replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  for (const header of KINDS) expectKey(header, value);
  const key = outcomeOf(() => parseKey(value));
  assert.equal('value' in key, isKey(value));
  if ('error' in key) {
    const { position = -1 } = key.error;
    assert.ok(position >= 0 && position <= value.length, key.error.message);
  }
  const normal = normalizeContentType(value);
  assert.equal(normalizeContentType(normal), normal);
  assert.equal(mediaType(normal), mediaType(value));
  assert.notEqual(boundaryOf(value), '');
  assert.notEqual(accessKeyOf(value), '');
  dispositionOf(value);
  const waitMs = retryAfterMs({
    get: (name: string) => (name === 'retry-after' ? value : null),
  } as Headers);
  assert.ok(waitMs === undefined || (waitMs >= 0 && !Number.isNaN(waitMs)), `${waitMs} ms`);
}

function expectKey(header: KeyHeader, value: string): void {
  const read = (text: string) => outcomeOf(() => header.read({ get: () => text }));
  const outcome = read(value);
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_KEY');
    return;
  }
  const key = outcome.value as string;
  assert.match(key, /^[\x21-\x7e]+$/);
  // A written key is read again, with or without quotes.
  assert.deepEqual(read(header.write(key)), { value: key });
  if (value.startsWith('"')) {
    const text = STRING.exec(value)?.[1]?.replace(/\\(.)/g, '$1');
    assert.ok(text === key || isKey(key), 'the text in quotes is the key');
  }
}
