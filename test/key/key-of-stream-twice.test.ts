import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { keyOfStream, sha256Hex } from '../../src/index.js';
import { expectRejected } from '../errors/thrown.js';

const READ_BEFORE = { code: 'SAMEKEY_BAD_ARGUMENT', message: /was read before/ } as const;

const webStream = () => new Blob(['abc']).stream();

function* generated() {
  yield 'ab';
  yield 'c';
}

async function* generatedLater() {
  yield* generated();
}

const { signal } = new AbortController();

describe.each([
  ['a Node stream', () => Readable.from([Buffer.from('abc')])],
  ['a web stream', webStream],
  ['a generator', generated],
  ['an async generator', generatedLater],
  ['an iterator', () => ['ab', 'c'].values()],
])('%s has one key to give: a second would be the key of nothing', (_, make) => {
  it.each([{}, { signal }])('with the options %o', async (options) => {
    const stream = make();
    expect(await keyOfStream(stream, options)).toBe(sha256Hex('abc'));
    await expectRejected(keyOfStream(stream, options), TypeError, READ_BEFORE);
  });
});

it.each([
  ['a list', ['ab', 'c']],
  ['an object that makes generators', { [Symbol.iterator]: generated }],
  ['an object that makes async generators', { [Symbol.asyncIterator]: generatedLater }],
])('%s gives each reader a fresh iterator, one per reading', async (_, source) => {
  const name = Symbol.asyncIterator in source ? Symbol.asyncIterator : Symbol.iterator;
  let opened = 0;
  const counting = {
    [name]: () => {
      opened++;
      return (source as Record<symbol, () => unknown>)[name]?.();
    },
  } as unknown as Iterable<string>;
  for (const options of [{}, {}, { signal }]) {
    expect(await keyOfStream(counting, options)).toBe(sha256Hex('abc'));
  }
  expect(opened).toBe(3);
});

it('a Node stream that was read before is rejected', async () => {
  const stream = Readable.from([Buffer.from('abc')]);
  for await (const _ of stream) {
    // Read to its end.
  }
  await expectRejected(keyOfStream(stream), TypeError, READ_BEFORE);
});

it('a Node stream may be inspected, if the data is put back', async () => {
  const stream = new PassThrough();
  stream.end('abc');
  const head = stream.read(2);
  stream.unshift(head);
  expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
});

it('a locked web stream can be used when it is free again', async () => {
  const stream = webStream();
  const reader = stream.getReader();
  await expect(keyOfStream(stream)).rejects.toThrow(TypeError);
  reader.releaseLock();
  expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
});

it('a web stream that is refused stays free for other readers', async () => {
  const stream = webStream();
  await keyOfStream(stream);
  await expectRejected(keyOfStream(stream), TypeError, READ_BEFORE);
  expect(stream.locked).toBe(false);
});

it('a cancel that never ends delays no caller', async () => {
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(7),
    cancel: () => new Promise<void>(() => {}),
  });
  await expect(keyOfStream(stream)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
});
