import { afterEvents } from '../../runtime/runtime.js';
import type { Row } from './client.js';

/** One call of a step for one key. */
export interface Call {
  readonly key: string;
  /** The parameters of its statement. Those of calls that are sent together differ per call. */
  readonly values: readonly unknown[];
}

interface Pending extends Call {
  readonly resolve: (row: Promise<Row | undefined> | Row | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The largest statement. More calls of one turn are shared between several connections. */
const MAX_CALLS = 128;
/** A payload of this size gains nothing from company, and would be copied for it. */
const LARGE_BYTES = 32 * 1024;

/**
 * SQLSTATEs of an error for which the server rolls the statement back and continues: nothing has
 * changed. Any other error may hide an outcome, as a lost connection does.
 */
const ROLLED_BACK = /^(?:(?:0A|2[12347]|42|44|5[345]|P0)...|40001|40P01|57014)$/;

/** Sends the calls of one step that are made in one turn of the event loop as one statement. */
export class Turns {
  readonly #sendOne: (call: Call) => Promise<Row | undefined>;
  /** Returns the rows by the index of their calls. */
  readonly #sendMany: (calls: readonly Call[]) => Promise<readonly (Row | undefined)[]>;
  #pending = new Map<string, Pending>();

  constructor(
    sendOne: (call: Call) => Promise<Row | undefined>,
    sendMany: (calls: readonly Call[]) => Promise<readonly (Row | undefined)[]>,
  ) {
    this.#sendOne = sendOne;
    this.#sendMany = sendMany;
  }

  send(call: Call, payloadBytes = 0): Promise<Row | undefined> {
    // A statement can change a row once.
    if (payloadBytes > LARGE_BYTES || this.#pending.has(call.key)) return this.#sendOne(call);
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) afterEvents(() => this.#flush());
      this.#pending.set(call.key, { ...call, resolve, reject });
    });
  }

  #flush(): void {
    const calls = [...this.#pending.values()];
    this.#pending = new Map();
    const [only] = calls;
    if (calls.length === 1 && only !== undefined) {
      only.resolve(this.#sendOne(only));
      return;
    }
    for (let start = 0; start < calls.length; start += MAX_CALLS) {
      this.#sendTogether(calls.slice(start, start + MAX_CALLS));
    }
  }

  async #sendTogether(calls: readonly Pending[]): Promise<void> {
    try {
      const rows = await this.#sendMany(calls);
      for (const [index, { resolve }] of calls.entries()) resolve(rows[index]);
    } catch (error) {
      const code = String((error as { code?: unknown } | undefined)?.code);
      if (ROLLED_BACK.test(code)) {
        // One of the calls failed, or waited too long. Each gets an outcome of its own.
        for (const call of calls) call.resolve(this.#sendOne(call));
      } else {
        for (const { reject } of calls) reject(error);
      }
    }
  }
}
