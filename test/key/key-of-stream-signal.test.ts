import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keyOfStream, sha256Hex } from '../../src/index.js';
import { failure, generator, never, rejectionOf, settle, wait, web } from './streams.js';

const HERE = fileURLToPath(import.meta.url);

describe('a signal', () => {
  it('that was aborted before stops everything, with its reason', async () => {
    const signal = AbortSignal.abort(failure);
    const { stream, cancelled } = web(['a'], wait);
    expect(await rejectionOf(keyOfStream(stream, { signal }))).toBe(failure);
    expect(cancelled).toEqual([failure]);
    expect(stream.locked).toBe(false);
    expect(await rejectionOf(keyOfStream(['a'], { signal }))).toBe(failure);
    expect(await rejectionOf(keyOfStream(new Blob(['a']), { signal }))).toBe(failure);
  });

  it('that was aborted before leaves no Node stream open', async () => {
    const signal = AbortSignal.abort(failure);
    for (const stream of [createReadStream(HERE), Readable.from(['a', 'b'])]) {
      expect(await rejectionOf(keyOfStream(stream, { signal }))).toBe(failure);
      await settle();
      expect(stream.destroyed).toBe(true);
    }
  });

  it('that was aborted before asks an iterator for nothing', async () => {
    let asked = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          asked++;
          return { done: true, value: undefined };
        },
      }),
    } as AsyncIterable<unknown>;
    const signal = AbortSignal.abort(failure);
    expect(await rejectionOf(keyOfStream(source, { signal }))).toBe(failure);
    expect(asked).toBe(0);
  });

  it('that was aborted before leaves no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const throwing = {
        next() {
          throw new Error('at once');
        },
      };
      const source = { [Symbol.iterator]: () => throwing } as unknown as Iterable<unknown>;
      await rejectionOf(keyOfStream(source as never, { signal: AbortSignal.abort(failure) }));
      await settle();
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  });

  it('that is aborted while a Web stream is waited for cancels it', async () => {
    const controller = new AbortController();
    const { stream, cancelled } = web(['a', 'b'], never as never);
    const rejection = rejectionOf(keyOfStream(stream, { signal: controller.signal }));
    await settle();
    controller.abort(failure);
    expect(await rejection).toBe(failure);
    expect(cancelled).toEqual([failure]);
    expect(stream.locked).toBe(false);
  });

  it('that is aborted while a generator is waited for does not wait for it', async () => {
    const controller = new AbortController();
    let release = () => {};
    const { stream, returned } = generator(['a'], () => new Promise((done) => (release = done)));
    const rejection = rejectionOf(keyOfStream(stream, { signal: controller.signal }));
    await settle();
    controller.abort(failure);
    expect(await rejection).toBe(failure);
    // A waiting generator returns only after its wait.
    release();
    await settle();
    expect(returned).toEqual(['returned']);
  });

  it('that is aborted while a Node stream is waited for destroys it', async () => {
    const controller = new AbortController();
    const stream = new Readable({ read() {} });
    stream.push('a');
    const rejection = rejectionOf(keyOfStream(stream, { signal: controller.signal }));
    await settle();
    controller.abort(failure);
    expect(await rejection).toBe(failure);
    await settle();
    expect(stream.destroyed).toBe(true);
  });

  it('that is aborted between two pieces stops at the next', async () => {
    const controller = new AbortController();
    let pulled = 0;
    async function* endless() {
      for (;;) {
        if (++pulled === 10) controller.abort(failure);
        yield 'x';
      }
    }
    expect(await rejectionOf(keyOfStream(endless(), { signal: controller.signal }))).toBe(failure);
    expect(pulled).toBeLessThanOrEqual(11);
  });

  it('without a reason gives the AbortError there is', async () => {
    const error = await rejectionOf(keyOfStream(['a'], { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  it('that is aborted afterwards changes nothing', async () => {
    const controller = new AbortController();
    const { stream, cancelled } = web(['abc'], (each) => each.close());
    expect(await keyOfStream(stream, { signal: controller.signal })).toBe(sha256Hex('abc'));
    controller.abort(failure);
    await settle();
    expect(cancelled).toEqual([]);
  });

  it('loses its listener when the stream is read, or has failed', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counting = new Proxy(signal, {
      get(target, name) {
        if (name === 'addEventListener')
          return (...args: [never, never]) => {
            listeners++;
            target.addEventListener(...args);
          };
        if (name === 'removeEventListener')
          return (...args: [never, never]) => {
            listeners--;
            target.removeEventListener(...args);
          };
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await keyOfStream(new Blob(['abc']), { signal: counting });
    await keyOfStream(['abc'], { signal: counting });
    await rejectionOf(keyOfStream(web([7], wait).stream, { signal: counting }));
    await rejectionOf(keyOfStream([7] as never, { signal: counting }));
    expect(listeners).toBe(0);
  });
});
