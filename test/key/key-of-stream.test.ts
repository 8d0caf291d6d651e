import { createReadStream, mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ByteStream, keyOfStream, scoped, sha256Hex } from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectRejected } from '../errors/thrown.js';
import { randomBytes } from '../runtime/random.js';

const bytes = randomBytes(11, 300_000);
const expected = sha256Hex(bytes);

/** The bytes in pieces of every length around blocks and chunks, empty ones among them. */
function* pieces(content: Uint8Array = bytes): Generator<Uint8Array> {
  const lengths = [1, 0, 63, 64, 65, 1000, 65_535, 65_536, 65_537, 7];
  let at = 0;
  for (let i = 0; at < content.length; i++) {
    const length = lengths[i % lengths.length] as number;
    yield content.subarray(at, at + length);
    at += length;
  }
}

async function* asyncPieces() {
  for (const piece of pieces()) {
    await null;
    yield piece;
  }
}

function webStream(type?: 'bytes'): ReadableStream {
  const source = pieces();
  return new ReadableStream({
    ...(type !== undefined && { type }),
    pull(controller: ReadableStreamDefaultController) {
      const { done, value } = source.next();
      if (done) controller.close();
      // A byte stream accepts no empty piece, and takes ownership of the memory of each piece.
      else if (value.length > 0 || type === undefined) controller.enqueue(value.slice());
      else return (this as unknown as { pull(c: unknown): void }).pull(controller);
    },
  } as unknown as UnderlyingDefaultSource);
}

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-'));
  file = join(folder, 'body.bin');
  writeFileSync(file, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

const STREAMS: [string, () => ByteStream | Promise<ByteStream>][] = [
  ['a Web stream', () => webStream()],
  ['a Web byte stream', () => webStream('bytes')],
  ['the body of a Response', () => new Response(bytes).body as ReadableStream],
  ['a transformed stream', () => webStream().pipeThrough(new TransformStream())],
  ['a Node stream', () => Readable.from(pieces(), { objectMode: false })],
  ['a Node stream of objects that are bytes', () => Readable.from(asyncPieces())],
  ['a file that is read', () => createReadStream(file)],
  ['a file that is read in odd pieces', () => createReadStream(file, { highWaterMark: 777 })],
  ['an async generator', asyncPieces],
  ['a generator', () => pieces()],
  ['an array of pieces', () => [...pieces()]],
  ['an async iterable that is no generator', () => ({ [Symbol.asyncIterator]: asyncPieces })],
  ['a Blob', () => new Blob([...pieces()].map((piece) => piece.slice()))],
  ['a File', () => new File([bytes], 'name.bin', { type: 'text/plain' })],
  ['a Blob backed by a file', () => openAsBlob(file)],
];

onEach(ENGINES, () => {
  describe.each(STREAMS)('of %s', (_, open) => {
    it('is the key of all its bytes', async () => {
      expect(await keyOfStream(await open())).toBe(expected);
    });

    it('takes the options that scoped takes', async () => {
      const { signal } = new AbortController();
      expect(await keyOfStream(await open(), { scope: ['a', 'b'], bits: 128 })).toBe(
        scoped(['a', 'b'], bytes, { bits: 128 }),
      );
      expect(await keyOfStream(await open(), { scope: 's', secret: 'k', signal })).toBe(
        scoped('s', bytes, { secret: 'k' }),
      );
      expect(await keyOfStream(await open(), { secret: bytes, signal })).toBe(
        sha256Hex(bytes, { secret: bytes }),
      );
    });
  });
});

describe('an empty stream', () => {
  it.each<[string, () => ByteStream]>([
    ['Web', () => new ReadableStream({ start: (controller) => controller.close() })],
    ['Node', () => Readable.from([])],
    ['Blob', () => new Blob([])],
    ['array', () => []],
    ['of empty pieces', () => ['', new Uint8Array(0), new ArrayBuffer(0)]],
    ['generator', async function* () {}],
  ] as never)('has the key of nothing: %s', async (_, open) => {
    const stream = typeof open === 'function' ? open() : open;
    expect(await keyOfStream(stream)).toBe(sha256Hex(''));
  });
});

describe('pieces', () => {
  it('may be text, which counts as its UTF-8', async () => {
    expect(await keyOfStream(['Grüe', 'zi ', '東京', '🧳'])).toBe(sha256Hex('Grüezi 東京🧳'));
    const text = new ReadableStream({
      start(controller) {
        controller.enqueue('é');
        controller.enqueue(new TextEncoder().encode('東'));
        controller.close();
      },
    });
    expect(await keyOfStream(text)).toBe(sha256Hex('é東'));
    const node = createReadStream(file, { encoding: 'latin1', highWaterMark: 1001 });
    expect(await keyOfStream(node)).toBe(sha256Hex(Buffer.from(bytes).toString('latin1')));
  });

  it('may be any view, and are not kept', async () => {
    const reused = new Uint8Array(10);
    async function* reusing() {
      for (let i = 0; i < 300; i++) yield reused.fill(i);
    }
    const all = Uint8Array.from({ length: 3000 }, (_, i) => Math.floor(i / 10));
    expect(await keyOfStream(reusing())).toBe(sha256Hex(all));
    const { buffer } = Float64Array.of(1.5, 2.5);
    expect(await keyOfStream([buffer, new DataView(buffer, 3, 5)])).toBe(
      sha256Hex(Buffer.concat([new Uint8Array(buffer), new Uint8Array(buffer, 3, 5)])),
    );
  });

  it('do not matter to the key, only their bytes do', async () => {
    const one = await keyOfStream([bytes]);
    expect(one).toBe(expected);
    expect(await keyOfStream([...bytes.subarray(0, 500)].map((byte) => Uint8Array.of(byte)))).toBe(
      sha256Hex(bytes.subarray(0, 500)),
    );
  });
});

describe('back-pressure', () => {
  it('lets a Web stream run ahead by no more than its queue', async () => {
    let pulled = 0;
    let read = 0;
    let ahead = 0;
    const inner = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          ahead = Math.max(ahead, pulled - read);
          if (pulled > 200) controller.close();
          else controller.enqueue(bytes.subarray(0, 1000));
        },
      },
      { highWaterMark: 2 },
    );
    // Counts the bytes that are read, between the stream and its reader.
    const counted = {
      getReader() {
        const reader = inner.getReader();
        return {
          read: async () => {
            const result = await reader.read();
            read++;
            return result;
          },
          cancel: (reason: unknown) => reader.cancel(reason),
          releaseLock: () => reader.releaseLock(),
        };
      },
    };
    await keyOfStream(counted as unknown as ReadableStream);
    expect(read).toBe(201);
    expect(ahead).toBeLessThanOrEqual(3);
  });

  it('asks an iterator for one piece at a time', async () => {
    let inProgress = 0;
    let most = 0;
    let asked = 0;
    const iterator = {
      async next() {
        most = Math.max(most, ++inProgress);
        await new Promise(setImmediate);
        inProgress--;
        return asked++ < 50 ? { done: false, value: 'x' } : { done: true, value: undefined };
      },
    };
    const source = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<unknown>;
    for (const options of [{}, { signal: new AbortController().signal }]) {
      asked = 0;
      expect(await keyOfStream(source, options)).toBe(sha256Hex('x'.repeat(50)));
      expect(most).toBe(1);
    }
  });
});

describe('several streams at once', () => {
  it('are kept apart', async () => {
    const parts = Array.from({ length: 200 }, (_, i) => bytes.subarray(i * 1000, i * 1000 + 900));
    const streams = parts.map((part) =>
      keyOfStream(Readable.from([part.subarray(0, 333), part.subarray(333)])),
    );
    expect(await Promise.all(streams)).toEqual(parts.map((part) => sha256Hex(part)));
  });
});

describe('values that are not streams', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['text', 'abc'],
    ['a number', 7],
    ['a Uint8Array', bytes],
    ['an ArrayBuffer', bytes.buffer],
    ['a DataView', new DataView(bytes.buffer)],
    ['an object', {}],
    ['a function', () => bytes],
    ['a Response, which is not its body', new Response('abc')],
    ['a Promise of a stream', Promise.resolve(new Blob([]))],
  ])('is refused: %s', async (_, stream) => {
    await expectRejected(keyOfStream(stream as never), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: /^Cannot read the stream: it is /,
    });
  });
});
