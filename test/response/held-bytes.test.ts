import { describe, expect, it } from 'vitest';
import { HeldBytes, type Spill, type SpillFile } from '../../src/response/held-bytes.js';
import { Recording } from '../../src/response/recording.js';

const KB = 1000;

/** Files in memory, which fail from a total size on, and whose writes can be held back. */
class Files implements Spill {
  maxBytes = Number.POSITIVE_INFINITY;
  isUnreadable = false;
  #held: Promise<void> | undefined;
  #release = () => {};
  readonly contents = new Set<{ bytes: Uint8Array }>();

  hold() {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release() {
    this.#held = undefined;
    this.#release();
  }

  get byteCount() {
    return [...this.contents].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  async open(): Promise<SpillFile> {
    const content = { bytes: new Uint8Array() };
    this.contents.add(content);
    return {
      write: async (chunks, position) => {
        await this.#held;
        const added = Buffer.concat(chunks);
        if (this.byteCount + added.length > this.maxBytes) throw new Error('the disk is full');
        content.bytes = Buffer.concat([content.bytes.subarray(0, position), added]);
      },
      read: async (position, byteCount) => {
        if (this.isUnreadable) throw new Error('/secret/path: cannot be read');
        return new Uint8Array(content.bytes.subarray(position, position + byteCount));
      },
      close: () => void this.contents.delete(content),
    };
  }
}

/** Content that differs at every position and in every recording. */
const content = (seed: number, byteCount: number) =>
  Uint8Array.from({ length: byteCount }, (_, at) => (seed * 31 + at * 7 + (at >> 8)) % 251);

const recordingOf = (held: HeldBytes, maxBytes = 1000 * KB) =>
  new Recording({ maxBytes, maxUnreadBytes: 20 * KB, held });

function writeAll(recording: Recording, bytes: Uint8Array, pieceBytes = 10 * KB) {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    recording.write(bytes.subarray(at, at + pieceBytes));
  }
}

/** As text, which a test compares a hundred times faster. */
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += text(chunk);
  return all;
}

async function copyOf(recording: Recording): Promise<string> {
  const copy = new Uint8Array(recording.byteCount);
  await recording.copyTo(copy);
  return text(copy);
}

describe('held bytes', () => {
  it('move to files above three quarters of the bound, the largest first', async () => {
    const files = new Files();
    const held = new HeldBytes(100 * KB, files);
    const [small, large] = [recordingOf(held), recordingOf(held)];
    writeAll(small, content(1, 20 * KB));
    writeAll(large, content(2, 50 * KB));
    expect(files.contents.size).toBe(0);
    writeAll(large, content(3, 20 * KB));
    await expect.poll(() => held.spilledBytes).toBeGreaterThan(50 * KB);
    expect([small.isSpilled, large.isSpilled]).toEqual([false, true]);
    expect(held.byteCount).toBeLessThan(50 * KB);
  });

  it('reach every reader whole and unmixed, before, while and after they move', async () => {
    const files = new Files();
    const held = new HeldBytes(100 * KB, files);
    const bodies = Array.from({ length: 12 }, (_, n) => content(n, 60 * KB + n));
    const recordings = bodies.map(() => recordingOf(held));
    const quick = recordings.map((recording) => readAll(recording.read()));
    const slow = recordings.map((recording) => recording.read());
    for (let at = 0; at < 61 * KB; at += 700) {
      recordings.forEach((recording, n) => {
        const piece = bodies[n]?.subarray(at, at + 700) as Uint8Array;
        if (piece.length > 0) recording.write(piece);
      });
      if (at % 7000 === 0) await new Promise(setImmediate);
    }
    const late = recordings.map((recording) => recording.read());
    for (const recording of recordings) recording.end();
    expect(held.spilledBytes).toBeGreaterThan(0);
    expect(await Promise.all(quick)).toEqual(bodies.map(text));
    expect(await Promise.all(slow.map(readAll))).toEqual(bodies.map(text));
    expect(await Promise.all(late.map(readAll))).toEqual(bodies.map(text));
    expect(await Promise.all(recordings.map(copyOf))).toEqual(bodies.map(text));
    for (const recording of recordings) recording.unpin();
    await expect.poll(() => files.contents.size).toBe(0);
    expect([held.byteCount, held.spilledBytes]).toEqual([0, 0]);
  });

  it('refuse a new key above the bound, and accept it when they are read', async () => {
    const held = new HeldBytes(100 * KB, undefined);
    const recording = recordingOf(held);
    const body = recording.read();
    expect(held.refusal('ik_1')).toBeUndefined();
    writeAll(recording, content(1, 120 * KB));
    expect(held.refusal('ik_1')).toMatchObject({
      code: 'SAMEKEY_OVERLOADED',
      message: expect.stringMatching(/^Cannot send ik_1: .* wanted another attempt later/),
    });
    recording.end();
    recording.unpin();
    expect(held.refusal('ik_1')).toBeDefined();
    expect(await readAll(body)).toBe(text(content(1, 120 * KB)));
    expect(held.refusal('ik_1')).toBeUndefined();
    expect([held.byteCount, held.refusedCount]).toEqual([0, 2]);
  });

  it('stay in memory while the disk is full, and move when there is room again', async () => {
    const files = new Files();
    files.maxBytes = 90 * KB;
    const held = new HeldBytes(100 * KB, files);
    const first = recordingOf(held);
    const body = first.read();
    writeAll(first, content(1, 80 * KB));
    await expect.poll(() => held.spilledBytes).toBe(80 * KB);
    const second = recordingOf(held);
    writeAll(second, content(2, 110 * KB));
    await expect.poll(() => held.refusal('ik_1')?.code).toBe('SAMEKEY_OVERLOADED');
    expect(second.isSpilled).toBe(false);
    first.end();
    first.unpin();
    expect(await readAll(body)).toBe(text(content(1, 80 * KB)));
    files.maxBytes = 500 * KB;
    second.write(content(3, 10 * KB));
    await expect.poll(() => second.isSpilled).toBe(true);
    expect(held.refusal('ik_1')).toBeUndefined();
    second.end();
    const whole = text(content(2, 110 * KB)) + text(content(3, 10 * KB));
    expect(await copyOf(second)).toBe(whole);
  });

  it('have no file left when the last reader goes during a write', async () => {
    const files = new Files();
    const held = new HeldBytes(100 * KB, files);
    const recording = recordingOf(held);
    const reader = recording.read().getReader();
    files.hold();
    writeAll(recording, content(1, 90 * KB));
    recording.end();
    recording.unpin();
    await reader.cancel();
    expect(held.byteCount).toBe(0);
    files.release();
    await expect.poll(() => files.contents.size).toBe(0);
    expect(held.spilledBytes).toBe(0);
  });

  it('fail a reader whose file cannot be read, without its path', async () => {
    const files = new Files();
    const held = new HeldBytes(100 * KB, files);
    const recording = recordingOf(held);
    const body = recording.read();
    writeAll(recording, content(1, 90 * KB));
    await expect.poll(() => recording.isSpilled).toBe(true);
    files.isUnreadable = true;
    await expect(readAll(body)).rejects.toMatchObject({
      code: 'SAMEKEY_BROKEN_RESPONSE',
      message: expect.not.stringContaining('/secret'),
    });
  });

  it('let a stream become too long to store while a part of it is in a file', async () => {
    const files = new Files();
    const held = new HeldBytes(100 * KB, files);
    const recording = recordingOf(held, 150 * KB);
    const whole = content(1, 400 * KB);
    const reading = readAll(recording.read());
    files.hold();
    writeAll(recording, whole.subarray(0, 90 * KB));
    files.release();
    await expect.poll(() => recording.isSpilled).toBe(true);
    for (let at = 90 * KB; at < whole.length; at += 10 * KB) {
      recording.write(whole.subarray(at, at + 10 * KB));
      await recording.room();
    }
    recording.end();
    expect(await reading).toBe(text(whole));
    recording.unpin();
    expect([held.byteCount, files.contents.size]).toEqual([0, 0]);
  });
});

describe('a source', () => {
  const isOver = () => false;

  it('waits while others hold the memory, and the oldest that is read goes on', async () => {
    const held = new HeldBytes(100 * KB, undefined);
    const [stalled, oldest, other] = [recordingOf(held), recordingOf(held), recordingOf(held)];
    const unread = stalled.read();
    const bodies = [oldest, other].map((recording) => readAll(recording.read()));
    writeAll(stalled, content(1, 60 * KB));
    writeAll(oldest, content(2, 50 * KB));
    writeAll(other, content(3, 40 * KB));
    await expect.poll(() => oldest.isStalled || other.isStalled).toBe(false);
    expect([stalled, oldest, other].map(({ isTooMuch }) => isTooMuch)).toEqual([true, false, true]);
    let goesOn = false;
    const waiting = other.affordable(isOver).then(() => {
      goesOn = true;
    });
    await new Promise(setImmediate);
    expect(goesOn).toBe(false);
    oldest.end();
    oldest.unpin();
    await waiting;
    other.end();
    expect(await Promise.all(bodies)).toEqual([content(2, 50 * KB), content(3, 40 * KB)].map(text));
    await unread.cancel();
    expect(stalled.isTooMuch).toBe(false);
  });

  it('with a small part never waits', () => {
    const held = new HeldBytes(100 * KB, undefined);
    const [small, large] = [recordingOf(held), recordingOf(held)];
    large.read();
    writeAll(large, content(1, 150 * KB));
    writeAll(small, content(2, 20 * KB));
    expect([small.isTooMuch, large.isTooMuch]).toEqual([false, true]);
  });

  it('stops waiting when its response is over', async () => {
    const held = new HeldBytes(100 * KB, undefined);
    const recording = recordingOf(held);
    recording.read();
    writeAll(recording, content(1, 150 * KB));
    let hasEnded = false;
    const waiting = recording.affordable(() => hasEnded);
    hasEnded = true;
    recording.wakeSource();
    await waiting;
  });
});

describe('the memory to store responses from', () => {
  it('is taken in turn above the bound, and one response always gets it', async () => {
    const held = new HeldBytes(100 * KB, undefined);
    const first = await held.reserve(150 * KB);
    let hasSecond = false;
    const second = held.reserve(50 * KB).then((free) => {
      hasSecond = true;
      return free;
    });
    await new Promise(setImmediate);
    expect([hasSecond, held.byteCount]).toEqual([false, 150 * KB]);
    first();
    first();
    (await second)();
    expect(held.byteCount).toBe(0);
  });
});
