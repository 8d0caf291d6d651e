/** Follows the log of `samekey proxy` (JSON Lines), and counts its calls. */
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { PriceTable } from '../cost/prices.js';
import { own } from '../options/own.js';
import { breather } from './breathe.js';
import { countLine } from './call-line.js';
import type { CallTally } from './tally.js';

/** How often the file is looked at. */
const POLL_MS = 500;
const CHUNK_BYTES = 64 * 1024;
/** A longer line is no line of the proxy, and is left out. */
const MAX_LINE_BYTES = 64 * 1024;
/** The beginning of a file by which one that was emptied and written again is recognised. */
const HEAD_BYTES = 256;
const LINE_FEED = 10;

export interface FollowedLog {
  /** Resolves when the lines that the file has now are counted. */
  readonly caughtUp: Promise<void>;
  close(): Promise<void>;
}

/**
 * Counts the calls in the lines that a log has and gets. The log may be moved away and replaced, or be
 * emptied (logrotate's `create` and `copytruncate`).
 *
 * @throws {Error} of the system, with its `code`, if the file cannot be read; one without a code if it is not a file.
 */
export async function followLog(
  path: string,
  tally: CallTally,
  prices?: PriceTable,
): Promise<FollowedLog> {
  const follower = new LogFollower(path, tally, prices);
  await follower.open();
  const caughtUp = follower.run();
  return { caughtUp, close: () => follower.close() };
}

class LogFollower {
  readonly #path: string;
  readonly #tally: CallTally;
  readonly #prices: PriceTable | undefined;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #file: FileHandle | undefined;
  #inode = 0;
  #position = 0;
  #head: Buffer = Buffer.alloc(0);
  /** The beginning of a line whose end has not been written yet. */
  #rest: Buffer = Buffer.alloc(0);
  #isTooLong = false;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, tally: CallTally, prices: PriceTable | undefined) {
    this.#path = path;
    this.#tally = tally;
    this.#prices = prices;
  }

  /** A pipe without a writer would block the program. */
  async open(): Promise<void> {
    const found = await stat(this.#path);
    if (!found.isFile()) throw new Error('it is not a file');
    const file = await open(this.#path, constants.O_RDONLY);
    await this.#file?.close();
    this.#file = file;
    this.#inode = (await file.stat()).ino;
    this.#startAnew();
  }

  run(): Promise<void> {
    const first = this.#readNew();
    this.#reading = first;
    const next = () => {
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => {
        this.#reading = this.#readNew().finally(next);
      }, POLL_MS);
    };
    first.finally(next);
    return first;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#reading;
    await this.#file?.close();
  }

  #startAnew(): void {
    this.#position = 0;
    this.#head = Buffer.alloc(0);
    this.#rest = Buffer.alloc(0);
    this.#isTooLong = false;
  }

  /** A log that cannot be read now is read again later. */
  async #readNew(): Promise<void> {
    try {
      if (await this.#wasEmptied()) this.#startAnew();
      await this.#readOn();
      const { ino } = await stat(this.#path);
      if (ino === this.#inode) return;
      // The file was moved away. Its last lines are read by now, unless its writer has not noticed yet.
      await this.#readOn();
      await this.open();
      await this.#readOn();
    } catch {
      // Such as ENOENT between the moving of the old file and the making of the new one.
    }
  }

  async #wasEmptied(): Promise<boolean> {
    const file = this.#file as FileHandle;
    const { size } = await file.stat();
    if (size < this.#position) return true;
    if (size === this.#position || this.#head.length === 0) return false;
    const { length } = this.#head;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
    return !buffer.subarray(0, bytesRead).equals(this.#head);
  }

  async #readOn(): Promise<void> {
    const breathe = breather();
    while (!this.#isClosed) {
      const { bytesRead } = await (this.#file as FileHandle).read(
        this.#chunk,
        0,
        CHUNK_BYTES,
        this.#position,
      );
      if (bytesRead === 0) return;
      if (this.#head.length < HEAD_BYTES && this.#position < HEAD_BYTES) {
        const more = this.#chunk.subarray(0, Math.min(bytesRead, HEAD_BYTES - this.#position));
        this.#head = Buffer.concat([this.#head, more]);
      }
      this.#position += bytesRead;
      this.#take(this.#chunk.subarray(0, bytesRead));
      await breathe();
    }
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (this.#rest.length + piece.length > MAX_LINE_BYTES) {
        this.#isTooLong = true;
        this.#rest = Buffer.alloc(0);
      }
      if (end === -1) {
        // A copy: the chunk is read into again.
        if (!this.#isTooLong) this.#rest = Buffer.concat([this.#rest, piece]);
        return;
      }
      if (!this.#isTooLong) {
        const line = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
        countLogLine(line.toString(), this.#tally, this.#prices);
      }
      this.#rest = Buffer.alloc(0);
      this.#isTooLong = false;
      start = end + 1;
    }
  }
}

type Members = Readonly<Record<string, unknown>>;

/** Counts one line. Lines about something else, and lines of other programs, are left out. */
export function countLogLine(text: string, tally: CallTally, prices?: PriceTable): void {
  if (!text.startsWith('{')) return;
  let line: Members;
  try {
    line = JSON.parse(text) as Members;
  } catch {
    return;
  }
  const message = textIn(line, 'msg');
  if (message === 'request') {
    // A clock that is ahead must not reserve the place of a later time.
    const atMs = Math.min(Date.parse(textIn(line, 'time') ?? ''), Date.now());
    countLine(
      tally,
      {
        outcome: textIn(line, 'outcome') ?? '',
        status: numberIn(line, 'status') ?? 0,
        code: own(line, 'code'),
        key: textIn(line, 'key'),
        durationMs: numberIn(line, 'durationMs'),
      },
      atMs,
    );
  } else if (message === 'saved') countSaved(line, tally, prices);
  else if (message?.startsWith('many equal requests')) {
    const [key, count, temperature] = [
      textIn(line, 'key'),
      numberIn(line, 'count'),
      numberIn(line, 'temperature'),
    ];
    if (key !== undefined && count !== undefined && temperature !== undefined) {
      // The line of the last of these repetitions comes after this one.
      tally.warn(key, count - 1, temperature);
    }
  }
}

function countSaved(line: Members, tally: CallTally, prices: PriceTable | undefined): void {
  const inputTokens = numberIn(line, 'inputTokens') ?? 0;
  const outputTokens = numberIn(line, 'outputTokens') ?? 0;
  const model = textIn(line, 'model');
  const logged = { cost: numberIn(line, 'cost'), currency: textIn(line, 'currency') };
  const usage = { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0 };
  const priced = { cost: prices?.costOf({ ...usage, model }, model), currency: prices?.currency };
  tally.save({ inputTokens, outputTokens, ...(logged.cost === undefined ? priced : logged) });
}

const textIn = (line: Members, name: string): string | undefined => {
  const value = own(line, name);
  return typeof value === 'string' ? value : undefined;
};

const numberIn = (line: Members, name: string): number | undefined => {
  const value = own(line, name);
  return typeof value === 'number' ? value : undefined;
};
