import type { ServerResponse } from 'node:http';
import type { LiveMessage } from './messages.js';
import { DashboardProblem } from './problem.js';
import type { StoreWatch } from './store-watch.js';
import type { CallTally } from './tally.js';

const MESSAGE_MS = 1000;
/** A message is sent after this time even if nothing has changed, so that both sides see a broken connection. */
const HEARTBEAT_MS = 5000;
/** A reader that takes nothing for this time is disconnected. */
const STALLED_MS = 60_000;
/** How many pages may be connected. */
const MAX_READERS = 16;
/** How many runs in progress, and how many unknown outcomes, a message has. */
const MAX_UNFINISHED = 200;

interface Reader {
  readonly response: ServerResponse;
  /** Whether it needs all buckets: it has had no message yet, or missed one. */
  isBehind: boolean;
  drainedAt: number;
}

/**
 * Sends a message a second to the connected pages. Without a page there is no timer and no message. A page
 * that reads slowly misses messages, so that at most one message waits for it.
 */
export class Live {
  readonly #tally: CallTally;
  readonly #watch: StoreWatch;
  readonly #readers = new Set<Reader>();
  #timer: NodeJS.Timeout | undefined;
  #lastState = '';
  #lastSentAt = 0;

  constructor(tally: CallTally, watch: StoreWatch) {
    this.#tally = tally;
    this.#watch = watch;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Connects a page. @throws {DashboardProblem} 503 if there are too many. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    if (this.#readers.size >= MAX_READERS) {
      throw new DashboardProblem(
        503,
        `${MAX_READERS} pages are connected, wanted one of them closed.`,
        'SAMEKEY_OVERLOADED',
      );
    }
    // Changes before the first page are in the buckets that it gets at first.
    if (this.#readers.size === 0) this.#tally.takeChangedBuckets(Date.now());
    const reader: Reader = { response, isBehind: true, drainedAt: performance.now() };
    this.#readers.add(reader);
    response.on('error', () => {});
    response.on('close', () => this.#remove(reader));
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      // nginx would collect the messages.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#timer ??= setInterval(() => this.#send(), MESSAGE_MS);
    // With the records, if the store tells them within a second.
    this.#watch.refresh().then(() => {
      if (!reader.isBehind || response.destroyed) return;
      reader.isBehind = false;
      response.write(eventOf(this.#message(true)));
    });
  }

  close(): void {
    for (const reader of this.#readers) {
      reader.response.destroy();
      this.#remove(reader);
    }
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #send(): void {
    this.#watch.refresh();
    const now = performance.now();
    const state = this.#state();
    const isSilent = state === this.#lastState && now - this.#lastSentAt < HEARTBEAT_MS;
    if (isSilent && ![...this.#readers].some(({ isBehind }) => isBehind)) return;
    this.#lastState = state;
    this.#lastSentAt = now;
    let changes: string | undefined;
    let all: string | undefined;
    // The changes are taken even if no reader is there for them: each of those gets all buckets next.
    const changed = this.#message(false);
    for (const reader of this.#readers) {
      const { response } = reader;
      if (response.writableLength > 0) {
        reader.isBehind = true;
        if (now - reader.drainedAt > STALLED_MS) response.destroy();
        continue;
      }
      reader.drainedAt = now;
      if (reader.isBehind) all ??= eventOf(this.#message(true));
      else changes ??= eventOf(changed);
      response.write((reader.isBehind ? all : changes) as string);
      reader.isBehind = false;
    }
  }

  /** Differs if a message would tell something new, other than the time. */
  #state(): string {
    const nowMs = Date.now();
    const { running, unknown } = this.#watch.rows.unfinished(nowMs, 0);
    return [
      this.#tally.changeCount,
      this.#watch.lookCount,
      this.#watch.fault,
      running.count,
      unknown.count,
      this.#watch.rows.count,
    ].join(' ');
  }

  #message(hasAllBuckets: boolean): LiveMessage {
    const nowMs = Date.now();
    const { rows, fault } = this.#watch;
    const { running, unknown } = rows.unfinished(nowMs, MAX_UNFINISHED);
    return {
      nowMs,
      buckets: hasAllBuckets ? this.#tally.buckets(nowMs) : this.#tally.takeChangedBuckets(nowMs),
      totals: this.#tally.totals(),
      savings: this.#tally.savings(),
      slowest: this.#tally.slowest(),
      repeatedWarm: this.#tally.repeatedWarm(),
      running: running.rows,
      runningCount: running.count,
      unknown: unknown.rows,
      unknownCount: unknown.count,
      recordCount: rows.count,
      recordBytes: rows.byteCount,
      isWhole: rows.isWhole,
      storeFault: fault,
    };
  }
}

/** JSON has no line ends, which would end the data of an event. */
const eventOf = (message: LiveMessage) => `data: ${JSON.stringify(message)}\n\n`;
