import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { LazyAbort } from '../../src/once/abort.js';
import { SlowReaderError } from '../../src/response/errors.js';
import { Recording } from '../../src/response/recording.js';

const MIB = 1024 * 1024;
const bytes = (...values: number[]) => new Uint8Array(values);
const recordingOf = (maxBytes: number, maxUnreadBytes = 4) =>
  new Recording({ maxBytes, maxUnreadBytes });

async function readAll(stream: ReadableStream<Uint8Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of stream) all.push(...chunk);
  return all;
}

const isSettled = async (promise: Promise<unknown>) => {
  let settled = false;
  promise.finally(() => {
    settled = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return settled;
};

describe('a recording', () => {
  it('gives every reader all of it, whenever it came', async () => {
    const recording = recordingOf(100);
    const early = readAll(recording.read());
    recording.write(bytes(1, 2));
    const middle = readAll(recording.read());
    recording.write(bytes(3));
    recording.end();
    const late = readAll(recording.read());
    expect(await Promise.all([early, middle, late])).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('hands a chunk on in the turn in which it arrives', async () => {
    const recording = recordingOf(100);
    const reader = recording.read().getReader();
    const next = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 5));
    let turn = 'before';
    setImmediate(() => {
      turn = 'later';
    });
    recording.write(bytes(7));
    expect((await next).value).toEqual(bytes(7));
    expect(turn).toBe('before');
  });

  it('hands a chunk to a reader that waits for it before its writer continues', async () => {
    const recording = recordingOf(100);
    const reader = recording.read().getReader();
    let has: Uint8Array | undefined;
    reader.read().then(({ value }) => {
      has = value;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    recording.write(bytes(7));
    await undefined;
    expect(has).toEqual(bytes(7));
  });

  it('gives each reader chunks of its own', async () => {
    const recording = recordingOf(100);
    const [one, other] = [recording.read().getReader(), recording.read().getReader()];
    recording.write(bytes(1, 2, 3));
    (await one.read()).value?.fill(0);
    expect((await other.read()).value).toEqual(bytes(1, 2, 3));
    expect(recording.chunks).toEqual([bytes(1, 2, 3)]);
  });

  it('takes nothing out for a reader that does not ask', async () => {
    const recording = recordingOf(100 * MIB);
    const readers = Array.from({ length: 20 }, () => recording.read());
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 5; n++) recording.write(new Uint8Array(MIB));
    await new Promise(setImmediate);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * MIB);
    expect(readers.length).toBe(20);
  });

  it('puts small chunks together, and gives every reader each byte once', async () => {
    const recording = recordingOf(MIB);
    const takes = async (reader: ReadableStreamDefaultReader<Uint8Array>, count: number) => {
      const taken: number[] = [];
      while (taken.length < count) {
        const { done, value } = await reader.read();
        if (done) break;
        taken.push(...value);
      }
      return taken;
    };
    const all: number[] = [];
    const write = (count: number) => {
      for (let n = 0; n < count; n++) {
        all.push(all.length % 251);
        recording.write(bytes(all.at(-1) as number));
      }
    };
    const [quick, slow, last] = [1, 2, 3].map(() => recording.read().getReader());
    const got: number[][] = [[], []];
    for (const [quickly, slowly] of [
      [700, 5],
      [1, 1500],
      [2000, 30],
    ]) {
      write(1500);
      got[0]?.push(...(await takes(quick as never, quickly as number)));
      got[1]?.push(...(await takes(slow as never, slowly as number)));
    }
    expect(recording.chunks.length).toBeLessThan(1024);
    recording.end();
    got[0]?.push(...(await takes(quick as never, Number.POSITIVE_INFINITY)));
    got[1]?.push(...(await takes(slow as never, Number.POSITIVE_INFINITY)));
    got.push(await takes(last as never, Number.POSITIVE_INFINITY), await readAll(recording.read()));
    expect(got).toEqual([all, all, all, all]);
    expect(Buffer.concat(recording.chunks)).toEqual(Buffer.from(all));
  });

  it('fails for all who read, after what they have been given', async () => {
    const recording = recordingOf(100);
    const reader = recording.read().getReader();
    recording.write(bytes(1));
    expect((await reader.read()).value).toEqual(bytes(1));
    const error = new Error('broken');
    recording.fail(error);
    await expect(reader.read()).rejects.toBe(error);
    await expect(readAll(recording.read())).rejects.toBe(error);
  });

  it('ends for one reader when its signal aborts, and for no other', async () => {
    const recording = recordingOf(100);
    const controller = new AbortController();
    const left = readAll(recording.read(controller.signal));
    const stays = readAll(recording.read(new AbortController().signal));
    recording.write(bytes(1));
    controller.abort(new Error('no more'));
    await expect(left).rejects.toThrow('no more');
    recording.write(bytes(2));
    recording.end();
    expect(await stays).toEqual([1, 2]);
    await expect(readAll(recording.read(controller.signal))).rejects.toThrow('no more');
  });

  it('listens to the signal of a reader only as long as it reads', async () => {
    let listenerCount = 0;
    class Counted extends LazyAbort {
      override listen(onAbort: () => void) {
        listenerCount++;
        const stop = super.listen(onAbort);
        return () => {
          listenerCount--;
          stop();
        };
      }
    }
    const recording = recordingOf(100);
    const [cancelled, ...others] = [1, 2, 3].map(() => recording.read(new Counted()));
    const aborted = new Counted();
    const left = recording.read(aborted);
    expect(listenerCount).toBe(4);
    await cancelled?.cancel();
    expect(listenerCount).toBe(3);
    aborted.abort(new Error('no more'));
    await expect(readAll(left)).rejects.toThrow('no more');
    expect(listenerCount).toBe(2);
    recording.end();
    await Promise.all(others.map(readAll));
    expect(listenerCount).toBe(0);
  });

  it('counts a reader out once, however it leaves', async () => {
    const recording = recordingOf(100);
    let leftCount = 0;
    const leave = () => {
      leftCount++;
    };
    const cancelled = recording.read(undefined, leave);
    const read = readAll(recording.read(undefined, leave));
    await cancelled.cancel();
    recording.end();
    await read;
    expect(leftCount).toBe(2);
    expect(recording.readerCount).toBe(0);
  });
});

describe('a recording that nobody has read', () => {
  it('is let go, though the signal of its reader lives on', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const { signal } = new AbortController();
    const unread = (() => {
      const recording = recordingOf(100, 100);
      recording.read(signal);
      recording.write(bytes(1));
      recording.end();
      return new WeakRef(recording);
    })();
    await expect
      .poll(() => {
        collectGarbage();
        // Not the recording itself: this test would hold it.
        return unread.deref() === undefined;
      })
      .toBe(true);
    expect(signal.aborted).toBe(false);
  });
});

describe('a recording that is too long to be kept', () => {
  it('has the source wait for the fastest reader', async () => {
    const recording = recordingOf(2, 100);
    const fast = recording.read().getReader();
    const slow = recording.read().getReader();
    recording.write(bytes(1, 2));
    expect(await isSettled(recording.room())).toBe(true);
    recording.write(bytes(3));
    expect(recording.isWhole).toBe(false);
    const room = recording.room();
    expect(await isSettled(room)).toBe(false);
    await fast.read();
    expect(await isSettled(room)).toBe(false);
    await fast.read();
    expect(await isSettled(room)).toBe(true);
    expect((await slow.read()).value).toEqual(bytes(1, 2));
  });

  it('keeps what some reader has not had, and no more', async () => {
    const recording = recordingOf(2, 100);
    const fast = recording.read().getReader();
    const slow = recording.read().getReader();
    for (let at = 0; at < 50; at++) recording.write(bytes(at));
    for (let at = 0; at < 50; at++) expect((await fast.read()).value).toEqual(bytes(at));
    expect(recording.chunks).toHaveLength(50);
    for (let at = 0; at < 30; at++) expect((await slow.read()).value).toEqual(bytes(at));
    expect(recording.chunks).toHaveLength(20);
  });

  it('turns away who is too far behind the fastest', async () => {
    const recording = recordingOf(2, 4);
    const fast = recording.read().getReader();
    const slow = recording.read().getReader();
    for (let at = 0; at < 8; at++) {
      recording.write(bytes(at));
      expect((await fast.read()).value).toEqual(bytes(at));
    }
    await expect(slow.read()).rejects.toThrow(SlowReaderError);
    await expect(slow.read()).rejects.toMatchObject({ code: 'SAMEKEY_TOO_SLOW' });
    expect(recording.chunks).toHaveLength(0);
  });

  it('never turns away the only reader, however slow', async () => {
    const recording = recordingOf(2, 1);
    const reader = recording.read().getReader();
    for (let at = 0; at < 5; at++) recording.write(bytes(at, at, at));
    for (let at = 0; at < 5; at++) expect((await reader.read()).value).toEqual(bytes(at, at, at));
  });

  it('lets the source go on when it has failed, though somebody does not read', async () => {
    const recording = recordingOf(1, 1);
    recording.read();
    recording.write(bytes(1, 2, 3));
    const room = recording.room();
    expect(await isSettled(room)).toBe(false);
    recording.fail(new Error('nothing came'));
    expect(await isSettled(room)).toBe(true);
  });

  it('lets the source go on when the last reader has left', async () => {
    const recording = recordingOf(1, 1);
    const reader = recording.read().getReader();
    recording.write(bytes(1, 2, 3));
    const room = recording.room();
    expect(await isSettled(room)).toBe(false);
    await reader.cancel();
    expect(await isSettled(room)).toBe(true);
    expect(recording.chunks).toHaveLength(0);
  });
});
