import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

type Body = NonNullable<RequestInit['body']>;
interface Message {
  readonly body: Body;
  readonly type?: string;
}

/** The keys that requests get, and what was sent. */
async function sendAll(messages: readonly Message[]) {
  const sent: { type: string | null; body: string }[] = [];
  const provider = async (_: unknown, init?: RequestInit) => {
    const request = new Request('https://api.example/', { ...init, signal: null });
    sent.push({ type: request.headers.get('content-type'), body: await request.text() });
    return Response.json({});
  };
  const fetch = idempotentFetch({
    store: memoryStore(),
    fetch: provider as typeof globalThis.fetch,
  });
  const keys: (string | null)[] = [];
  for (const { body, type } of messages) {
    const headers = type === undefined ? {} : { 'content-type': type };
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    keys.push((await fetch('https://api.example/v1/files', init)).headers.get('samekey-key'));
  }
  return { keys, sent };
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A stream that gives `size` bytes at a time. */
function inChunks(bytes: Uint8Array, size: number): ReadableStream {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
      if (at >= bytes.length) controller.close();
    },
  });
}

const formType = (boundary: string) => `multipart/form-data; boundary=${boundary}`;

function form(): FormData {
  const parts = new FormData();
  parts.append('purpose', 'batch of "€"\nand more');
  parts.append('a "name"', '');
  parts.append('file', new File(['--b\r\nsound\r\n'], 'größe "1".wav', { type: 'audio/WAV' }));
  parts.append('file', new File([], 'b'));
  return parts;
}

/** The same form as some client may encode it. */
const encoded = (b: string) =>
  [
    `--${b}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch of "€"\r\nand more`,
    `\r\n--${b}\r\ncontent-disposition:form-data;name="a %22name%22"\r\nContent-Length: 0\r\n\r\n`,
    `\r\n--${b}\r\nContent-Type: audio/wav\r\n`,
    'Content-Disposition: form-data; name=file; filename="größe %221%22.wav"\r\n\r\n',
    '--b\r\nsound\r\n',
    `\r\n--${b}\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n`,
    'Content-Type: application/octet-stream\r\n\r\n',
    `\r\n--${b}--\r\n`,
  ].join('');

describe('a form', () => {
  it('has the same key as a form, as bytes, as text, as a stream and in a Request', async () => {
    const platform = new Response(form());
    const platformType = platform.headers.get('content-type') as string;
    const platformBytes = new Uint8Array(await platform.arrayBuffer());
    const messages: Message[] = [
      { body: form() },
      { body: platformBytes, type: platformType },
      { body: encoded('xYz'), type: formType('xYz') },
      { body: bytesOf(encoded('with space')), type: formType('"with space"') },
      {
        body: bytesOf(encoded("'()+_,-./:=?")),
        type: `Multipart/Form-Data; charset=utf-8; Boundary="'()+_,-./:=?"`,
      },
      { body: new Blob([encoded('q')]), type: formType('q') },
      {
        body: `preamble\r\n${encoded('q').replaceAll('--q\r\n', '--q \t\r\n')}epilogue`,
        type: formType('q'),
      },
      ...[1, 2, 7, 100, 5000].map((size) => ({
        body: inChunks(platformBytes, size),
        type: platformType,
      })),
    ];
    const { keys, sent } = await sendAll(messages);
    expect(new Set(keys)).toEqual(new Set([keys[0]]));
    expect(sent).toHaveLength(1);

    const { sent: raw } = await sendAll([{ body: bytesOf(encoded('xYz')), type: formType('xYz') }]);
    // It is sent as it is, with its own boundary.
    expect(raw).toEqual([{ type: formType('xYz'), body: encoded('xYz') }]);
  });

  it.each([
    ['a value', (text: string) => text.replace('and more', 'and less')],
    ['the name of a field', (text: string) => text.replace('"purpose"', '"Purpose"')],
    ['the name of a file', (text: string) => text.replace('"b"', '"c"')],
    ['the content of a file', (text: string) => text.replace('sound', 'noise')],
    ['the type of a file', (text: string) => text.replace('audio/wav', 'audio/ogg')],
    [
      'a file instead of text',
      (text: string) => text.replace('"purpose"', '"purpose"; filename="a"'),
    ],
    [
      'the type of a text',
      (text: string) => text.replace('Content-Length: 0', 'Content-Type: application/json'),
    ],
    ['no last part', (text: string) => text.replace(/--q\r\n(?:(?!--q).)*--q--/s, '--q--')],
    [
      'the order of its parts',
      (text: string) => {
        const [, first, second, ...rest] = text.split(/(?=--q)/);
        return [second, first, ...rest].join('');
      },
    ],
    ['its end', (text: string) => text.replace('--q--', '')],
    ['bytes that are not UTF-8', (text: string) => Buffer.from(text.replace('€', 'x'), 'latin1')],
  ])('has another key if it differs in %s', async (_, change) => {
    const type = formType('q');
    const { keys } = await sendAll([
      { body: encoded('q'), type },
      { body: change(encoded('q')), type },
    ]);
    expect(new Set(keys).size).toBe(2);
  });

  it('two texts of bytes that are not UTF-8 differ', async () => {
    const body = (byte: number) =>
      Buffer.concat([
        Buffer.from('--q\r\ncontent-disposition: form-data; name="a"\r\n\r\n'),
        Buffer.of(byte),
        Buffer.from('\r\n--q--\r\n'),
      ]);
    const type = formType('q');
    const { keys } = await sendAll([
      { body: body(0xff), type },
      { body: body(0xfe), type },
    ]);
    expect(new Set(keys).size).toBe(2);
  });

  it.each([
    ['RFC 8187', `filename*=UTF-8''gr%C3%B6%C3%9Fe`, 'größe'],
    ['RFC 8187 beside ASCII', `filename="gr__e"; filename*=utf-8'de'gr%C3%B6%C3%9Fe`, 'größe'],
    ['a backslash', String.raw`filename="a\"b"`, 'a"b'],
    ['percent signs', 'filename="a%22b"', 'a"b'],
    ['a backslash of Windows', String.raw`filename="C:\a.txt"`, String.raw`C:\a.txt`],
    ['no quotes', 'filename=a.txt;', 'a.txt'],
  ])('the name of a file may be written with %s', async (_, spelling, name) => {
    const parts = new FormData();
    parts.append('f', new File(['1'], name, { type: 'text/plain' }));
    const body = `--q\r\nContent-Disposition: form-data; name="f"; ${spelling}\r\n\r\n1\r\n--q--`;
    const { keys } = await sendAll([{ body: parts }, { body, type: formType('q') }]);
    expect(keys[1]).toBe(keys[0]);
  });

  it('a boundary ends only where a line of it ends', async () => {
    const parts = new FormData();
    parts.append('a', '--query\r\n--q?\r\n-- q');
    const body = `--q\r\nContent-Disposition: form-data; name="a"\r\n\r\n--query\r\n--q?\r\n-- q\r\n--q--\r\n`;
    const { keys } = await sendAll([{ body: parts }, { body, type: formType('q') }]);
    expect(keys[1]).toBe(keys[0]);
  });

  it.each([
    ['no boundary in the type', encoded('q'), 'multipart/form-data'],
    ['another boundary in the type', encoded('q'), formType('other')],
    ['no end', encoded('q').replace('--q--', ''), formType('q')],
    ['a part without a name', '--q\r\n\r\n1\r\n--q--\r\n', formType('q')],
    ['a line without a colon', '--q\r\nhm\r\n\r\n1\r\n--q--\r\n', formType('q')],
    ['no text at all', '', formType('q')],
  ])('that cannot be read is sent as it is: %s', async (_, body, type) => {
    const { keys, sent } = await sendAll([
      { body, type },
      { body, type },
    ]);
    expect(keys[0]).toBe(keys[1]);
    expect(sent).toEqual([{ type, body }]);
  });

  it('takes time in proportion to its length, however it is written', async () => {
    const spaces = ' '.repeat(100_000);
    for (const disposition of [`form-data${spaces}!`, `form-data; a="${'\\"'.repeat(50_000)}`]) {
      const body = `--q\r\ncontent-disposition: ${disposition}\r\n\r\n\r\n--q--`;
      const { sent } = await sendAll([{ body, type: formType('q') }]);
      expect(sent).toHaveLength(1);
    }
  });
});

describe('another multipart body', () => {
  const related = (b: string, inner: string) =>
    [
      `--${b}\r\nContent-Type: application/json\r\n\r\n{"name":"a"}\r\n`,
      `--${b}\r\nContent-ID: <1>\r\nContent-Type: multipart/mixed; boundary=${inner}\r\n\r\n`,
      `--${inner}\r\nContent-Type: image/png\r\n\r\npixels\r\n--${inner}--\r\n--${b}--`,
    ].join('');
  const type = (b: string) => `multipart/related; type="application/json"; boundary="${b}"`;

  it('is keyed by its parts, whatever the boundaries', async () => {
    const { keys } = await sendAll([
      { body: related('a', 'x'), type: type('a') },
      { body: bytesOf(related('b', 'y')), type: type('b') },
      { body: related('b', 'y').replace('pixels', 'dots'), type: type('b') },
      { body: related('b', 'y').replace('<1>', '<2>'), type: type('b') },
    ]);
    expect(keys[1]).toBe(keys[0]);
    expect(new Set(keys).size).toBe(3);
  });
});

describe('at a server', () => {
  it('a form with another boundary is a duplicate, one with other parts is refused', async () => {
    let runs = 0;
    const handler = idempotent(async () => Response.json({ run: ++runs }), {
      store: memoryStore(),
    });
    const post = (body: Body, type: string) =>
      handler(
        new Request('https://shop.example/', {
          method: 'POST',
          headers: { 'idempotency-key': 'a', 'content-type': type },
          body,
        }),
      );
    expect((await post(encoded('a'), formType('a'))).status).toBe(200);
    expect((await post(encoded('c'), formType('c'))).headers.get('samekey')).toBe('replayed');
    expect((await post(encoded('c').replace('sound', 'noise'), formType('c'))).status).toBe(422);
    expect(runs).toBe(1);
  });
});
