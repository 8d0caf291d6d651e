import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keyOfStream, sha256Hex } from '../src/index.js';
import { expectRejected } from './thrown.js';

const HERE = fileURLToPath(import.meta.url);

/** A Web stream of `pieces`, then of what `end` does; it notes how it is cancelled. */
function web(pieces: unknown[], end: (controller: ReadableStreamDefaultController) => void) {
  const cancelled: unknown[] = [];
  let next = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if (next < pieces.length) controller.enqueue(pieces[next++]);
      else end(controller);
    },
    cancel(reason) {
      cancelled.push(reason);
    },
  });
  return { stream, cancelled };
}

/** The same as a generator. */
function generator(pieces: unknown[], end: () => Promise<void>) {
  const returned: string[] = [];
  async function* generate() {
    try {
      yield* pieces;
      await end();
    } finally {
      returned.push('returned');
    }
  }
  return { stream: generate(), returned };
}

const never = () => new Promise<void>(() => {});
const wait = () => {};
const failure = new Error('the connection was reset');

/** What a promise is rejected with. */
async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome?.status === 'rejected' ? outcome.reason : new Error('nothing was rejected');
}

/** Lets everything run that can. */
async function settle() {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

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

  it('lets anything that is thrown through, whatever it is', async () => {
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

  it('that was aborted before leaves no rejection behind that nobody handles', async () => {
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
      await rejectionOf(keyOfStream(source, { signal: AbortSignal.abort(failure) }));
      await settle();
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  });

  it('that is aborted while a Web stream is waited for cancels it', async () => {
    const controller = new AbortController();
    const { stream, cancelled } = web(['a', 'b'], never as never);
    const rejection = rejectionOf(keyOfStream(stream, controller));
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
    const rejection = rejectionOf(keyOfStream(stream, controller));
    await settle();
    controller.abort(failure);
    expect(await rejection).toBe(failure);
    // A generator that waits returns once it has what it waits for.
    release();
    await settle();
    expect(returned).toEqual(['returned']);
  });

  it('that is aborted while a Node stream is waited for destroys it', async () => {
    const controller = new AbortController();
    const stream = new Readable({ read() {} });
    stream.push('a');
    const rejection = rejectionOf(keyOfStream(stream, controller));
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
    expect(await rejectionOf(keyOfStream(endless(), controller))).toBe(failure);
    expect(pulled).toBeLessThanOrEqual(11);
  });

  it('without a reason gives the AbortError there is', async () => {
    const error = await rejectionOf(keyOfStream(['a'], { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  it('that is aborted afterwards changes nothing', async () => {
    const controller = new AbortController();
    const { stream, cancelled } = web(['abc'], (each) => each.close());
    expect(await keyOfStream(stream, controller)).toBe(sha256Hex('abc'));
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
    await rejectionOf(keyOfStream([7], { signal: counting }));
    expect(listeners).toBe(0);
  });
});

describe('a stream that is read to its end', () => {
  it('is neither cancelled nor left locked', async () => {
    const { stream, cancelled } = web(['abc'], (controller) => controller.close());
    expect(await keyOfStream(stream)).toBe(sha256Hex('abc'));
    expect(cancelled).toEqual([]);
    expect(stream.locked).toBe(false);
  });

  it('that somebody else reads is refused, and left to them', async () => {
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
