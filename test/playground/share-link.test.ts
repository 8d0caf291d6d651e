import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/index.js';
import { toBase64Url } from '../../src/playground/base64.js';
import {
  type LinkContent,
  readLinkContent,
  writeLinkContent,
} from '../../src/playground/link-content.js';
import {
  isShareLink,
  LinkError,
  MAX_LINK_CHARS,
  readShareLink,
  toShareLink,
} from '../../src/playground/share-link.js';

const INPUT: LinkContent = {
  tab: 'speed',
  requests: [{ text: '{"a":1}' }, { text: 'Grüezi 🙂 \ud800' }],
  identity: {
    presets: ['volatile', 'openai'],
    exclude: '$.a\n$.b[',
    include: '',
    refs: '$..data',
    bits: '128',
    roundsIntegers: true,
  },
  view: 'text',
  fields: { uuid: 'DNS', scoped: 'tenant-1' },
};
const JSON_TEXT = writeLinkContent(INPUT);

/** A link with right check digits. */
const checked = (text: string) => `${text}.${sha256Hex(text).slice(-8)}`;
const linkOf = (bytes: Uint8Array) => checked(`#share.1.z.${toBase64Url(deflateRawSync(bytes))}`);
const open = async (link: string) => readLinkContent(await readShareLink(link));

describe('a link to the input of the playground', () => {
  it('holds the whole input', async () => {
    const link = await toShareLink(JSON_TEXT);
    expect(isShareLink(link)).toBe(true);
    expect(link).toMatch(/^#share\.1\.z\.[\w-]+\.[0-9a-f]{8}$/);
    expect(await open(link)).toEqual(INPUT);
  });

  it('holds a file whose bytes a text area would change', async () => {
    const bytes = Uint8Array.of(0x7b, 0xff, 0, 0x0d, 0x0a);
    const text = new TextDecoder().decode(bytes);
    const input = { ...INPUT, requests: [{ text, bytes, fileName: 'a <b>.json' }] as const };
    expect(await open(await toShareLink(writeLinkContent(input)))).toEqual(input);
  });

  it('is compressed if that is shorter, and plain without CompressionStream', async () => {
    const text = JSON.stringify('the same words '.repeat(40));
    const short = await toShareLink(text);
    expect(await toShareLink('{}')).toBe(checked('#share.1.p.e30'));
    const { CompressionStream } = globalThis;
    Reflect.deleteProperty(globalThis, 'CompressionStream');
    try {
      const plain = await toShareLink(text);
      expect(plain).toMatch(/^#share\.1\.p\./);
      expect(plain.length).toBeGreaterThan(5 * short.length);
      expect(await readShareLink(plain)).toBe(text);
    } finally {
      Object.assign(globalThis, { CompressionStream });
    }
    expect(await readShareLink(short)).toBe(text);
    const { DecompressionStream } = globalThis;
    Reflect.deleteProperty(globalThis, 'DecompressionStream');
    try {
      await expect(readShareLink(short)).rejects.toThrow('this browser is too old');
    } finally {
      Object.assign(globalThis, { DecompressionStream });
    }
  });

  it('holds any text', async () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.json(),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        expect(await readShareLink(await toShareLink(text))).toBe(text);
      }),
    );
  });

  it('is not made of an input that is too large', async () => {
    const random = toBase64Url(crypto.getRandomValues(new Uint8Array(30_000)));
    await expect(toShareLink(random)).rejects.toThrow(
      /^The input is too large for a link: 4\d,\d{3} characters, at most 32,000\.$/,
    );
    await expect(toShareLink('a'.repeat(250_001))).rejects.toThrow(
      'The input is too large for a link: 250 KB, at most 250 KB.',
    );
    expect((await toShareLink('a'.repeat(250_000))).length).toBeLessThan(2000);
  });
});

const STRANGE = 'This link was not made by this page: it does not hold requests.';

describe('a link that cannot be opened', () => {
  it('has too many paths, and is not made', async () => {
    const identity = { ...INPUT.identity, exclude: '$..a\n'.repeat(200) };
    const json = JSON.stringify({ ...JSON.parse(JSON_TEXT), identity });
    await expect(open(linkOf(Buffer.from(json)))).rejects.toThrow(
      'A link holds at most 200 paths.',
    );
    expect(() => writeLinkContent({ ...INPUT, identity })).toThrow(LinkError);
  });

  it('is cut at any place, or changed in any character', async () => {
    const link = await toShareLink(JSON_TEXT);
    const message = 'This link is incomplete or was changed: ask for the whole link.';
    for (let end = '#share.'.length; end < link.length; end++) {
      await expect(readShareLink(link.slice(0, end)), `cut at ${end}`).rejects.toThrow(message);
      const changed = `${link.slice(0, end)}${link[end] === 'x' ? 'y' : 'x'}${link.slice(end + 1)}`;
      await expect(readShareLink(changed), `changed at ${end}`).rejects.toThrow(LinkError);
    }
    await expect(readShareLink(`${link}0`)).rejects.toThrow(message);
    await expect(readShareLink(`${link}.0`)).rejects.toThrow(message);
  });

  it.each([
    [
      'too long',
      `#share.1.p.${'a'.repeat(MAX_LINK_CHARS)}`,
      'This link is too long: 32,011 characters, at most 32,000.',
    ],
    [
      'of a later format',
      checked('#share.2.p.e30'),
      'This link was made by a later version of samekey, and this page cannot read it.',
    ],
    ['of a later format, with other parts', '#share.12.whatever', 'later version'],
    [
      'of a larger input',
      linkOf(Buffer.alloc(250_001, ' ')),
      'This link holds more than 250 KB, the most that is read.',
    ],
  ])('is %s', async (_, link, message) => {
    await expect(open(link)).rejects.toThrow(message);
    await expect(open(link)).rejects.toThrow(LinkError);
  });

  const { identity, fields } = INPUT;
  it.each([
    ['no format', checked('#share.0.p.e30')],
    ['no number as format', checked('#share.x.p.e30')],
    ['another form', checked('#share.1.q.e30')],
    ['no base64url', checked('#share.1.p.e3 0')],
    ['an impossible length', checked('#share.1.p.e30e3')],
    ['no DEFLATE', checked('#share.1.z.e30')],
    [
      'DEFLATE that is cut',
      checked(`#share.1.z.${toBase64Url(deflateRawSync(JSON_TEXT).subarray(0, 40))}`),
    ],
    ['no UTF-8', linkOf(Buffer.of(0xff))],
  ])('has %s', async (_, link) => {
    await expect(open(link)).rejects.toThrow(STRANGE);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '"text"',
    ...[
      { tab: '__proto__' },
      { tab: ['keys'] },
      { requests: [] },
      { requests: [{ text: '1' }, { text: '2' }, { text: '3' }] },
      { requests: [null] },
      { requests: [{ text: 1 }] },
      { requests: [{ bytes: 'AA' }] },
      { requests: [{ bytes: 'A?', fileName: '' }] },
      { identity: null },
      { identity: { ...identity, presets: 'openai' } },
      { identity: { ...identity, presets: ['constructor'] } },
      { identity: { ...identity, exclude: ['$.a'] } },
      { identity: { ...identity, bits: '512' } },
      { identity: { ...identity, roundsIntegers: 1 } },
      { view: 'html' },
      { fields: null },
      { fields: { ...fields, uuid: 'toString' } },
      { fields: { uuid: 'DNS' } },
    ].map((part) => JSON.stringify({ ...part, others: 'right' })),
  ])('holds %s', async (text) => {
    const whole = text.includes('others')
      ? JSON.stringify({ ...JSON.parse(JSON_TEXT), ...JSON.parse(text) })
      : text;
    await expect(open(linkOf(Buffer.from(whole)))).rejects.toThrow(STRANGE);
  });

  it('sets no field of a secret', async () => {
    const hostile = { ...JSON.parse(JSON_TEXT), fields: { ...fields, hmac: 'x', __proto__: null } };
    expect((await open(linkOf(Buffer.from(JSON.stringify(hostile))))).fields).toEqual(fields);
  });
});
