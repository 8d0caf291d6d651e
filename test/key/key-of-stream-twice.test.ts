import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { keyOfStream, sha256Hex } from '../../src/index.js';
import { expectRejected } from '../errors/thrown.js';

const READ_BEFORE = { code: 'SAMEKEY_BAD_ARGUMENT', message: /was read before/ } as const;

const webStream = () => new Blob(['abc']).stream();

it.each([
  ['a Node stream', () => Readable.from([Buffer.from('abc')])],
  ['a web stream', webStream],
])('%s has one key to give: a second would be the key of nothing', async (_, make) => {
  const stream = make();
  expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
  await expectRejected(keyOfStream(stream), TypeError, READ_BEFORE);
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

it('a cancel that never ends delays no caller', async () => {
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(7),
    cancel: () => new Promise<void>(() => {}),
  });
  await expect(keyOfStream(stream)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
});
