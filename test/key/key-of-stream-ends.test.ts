import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { keyOfStream, sha256Hex } from '../../src/index.js';
import { expectRejected } from '../errors/thrown.js';
import { failure, generator, never, rejectionOf, wait, web } from './streams.js';

describe.each([
  ['without a signal', () => ({})],
  ['with a signal', () => ({ signal: new AbortController().signal })],
])('a stream that breaks half way, %s', (_, options) => {
  it('lets the error of a Web stream through', async () => {
    const { stream } = web(['a'], (controller) => controller.error(failure));
    expect(await rejectionOf(keyOfStream(stream, options()))).toBe(failure);
    expect(stream.locked).toBe(false);
  });

  it('lets the error of a Node stream through', async () => {
    const stream = Readable.from(
      (async function* () {
        yield 'a';
        throw failure;
      })(),
    );
    expect(await rejectionOf(keyOfStream(stream, options()))).toBe(failure);
    expect(stream.destroyed).toBe(true);
  });

  it('lets the error of a generator through', async () => {
    const { stream, returned } = generator(['a'], async () => {
      throw failure;
    });
    expect(await rejectionOf(keyOfStream(stream, options()))).toBe(failure);
    expect(returned).toEqual(['returned']);
  });

  it('passes any thrown value through', async () => {
    for (const thrown of [undefined, null, 'text', 7]) {
      const { stream } = generator(['a'], () => Promise.reject(thrown));
      const [outcome] = await Promise.allSettled([keyOfStream(stream, options())]);
      expect(outcome).toEqual({ status: 'rejected', reason: thrown });
    }
  });

  it('lets the error of a missing file through', async () => {
    const error = await rejectionOf(keyOfStream(createReadStream('/no/such/file'), options()));
    expect(error).toMatchObject({ code: 'ENOENT' });
  });

  it.each([[7], [null], [undefined], [{}], [[97]], [new Blob(['a'])]])(
    'cancels its source at a piece that is no content: %s',
    async (piece) => {
      const wrong = { code: 'SAMEKEY_BAD_ARGUMENT', message: /a piece of the stream/ } as const;
      const { stream, cancelled } = web(['a', piece], wait);
      await expectRejected(keyOfStream(stream, options()), TypeError, wrong);
      expect(cancelled).toHaveLength(1);
      expect(stream.locked).toBe(false);
      const { stream: generated, returned } = generator(['a', piece], never);
      await expectRejected(keyOfStream(generated, options()), TypeError, wrong);
      expect(returned).toEqual(['returned']);
      if (piece === null || piece === undefined) return;
      const node = Readable.from(['a', piece, 'b']);
      await expectRejected(keyOfStream(node, options()), TypeError, wrong);
      expect(node.destroyed).toBe(true);
    },
  );

  it('cancels its source at text that is not valid Unicode', async () => {
    const { stream, cancelled } = web(['a', '\ud83d', '\ude00'], wait);
    await expectRejected(keyOfStream(stream, options()), TypeError, {
      code: 'SAMEKEY_LONE_SURROGATE',
    });
    expect(cancelled).toHaveLength(1);
  });
});

describe('a stream that is read to its end', () => {
  it('is neither cancelled nor left locked', async () => {
    const { stream, cancelled } = web(['abc'], (controller) => controller.close());
    expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
    expect(cancelled).toEqual([]);
    expect(stream.locked).toBe(false);
  });

  it('with another reader is rejected and not touched', async () => {
    const { stream, cancelled } = web(['abc'], (controller) => controller.close());
    const reader = stream.getReader();
    expect(await rejectionOf(keyOfStream(stream))).toBeInstanceOf(TypeError);
    expect(await reader.read()).toEqual({ done: false, value: 'abc' });
    expect(cancelled).toEqual([]);
  });

  it('is not touched when the options are wrong', async () => {
    const { stream, cancelled } = web(['abc'], (controller) => controller.close());
    const wrong = [
      { bits: 1 },
      { scope: 'a\0' },
      { secret: '' },
      { scopes: 's' },
      7,
      { signal: 'x' },
    ];
    for (const options of wrong) {
      const error = await rejectionOf(keyOfStream(stream, options as never));
      expect(error).toMatchObject({ code: expect.stringMatching(/^SAMEKEY_BAD_/) });
    }
    expect(cancelled).toEqual([]);
    expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
  });
});
