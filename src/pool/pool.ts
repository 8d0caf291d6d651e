import { availableParallelism } from 'node:os';
import { fail, nameOf } from '../errors/errors.js';
import type { ByteStream, Content, IdentityLike, Key } from '../index.js';
import { pieces } from '../key/stream-pieces.js';
import { readOptions } from '../options/read.js';
import type { Batch } from './batch.js';
import { toTextError } from './fault.js';
import { inOrder } from './in-order.js';
import { keyBlocks } from './key-blocks.js';
import { keysIn, type LineKey, lineKeys } from './line-keys.js';
import {
  type JsonLinesOptions,
  jsonLinesOptions,
  type PoolOptions,
  poolOptions,
} from './options.js';
import { textBatches } from './text-batches.js';
import { Threads } from './threads.js';
import { toWork } from './work.js';

export type { JsonLinesOptions, LineKey, PoolOptions };

/** Threads that make keys. */
export interface Pool {
  readonly threads: number;
  /**
   * Resolves to the keys of JSON texts, in their order: those that `keyOfJson` gives. Bytes among
   * them have to stay as they are until then.
   *
   * Errors as `keyOfJson`; the message has the index of the first text without a key.
   */
  keysOfJson(texts: readonly Content[], identity?: IdentityLike): Promise<Key[]>;
  /**
   * Returns the keys of a stream of JSON lines, in the order of the lines. White space around a
   * line's value does not matter; a blank line counts, and has no result. Reading waits for whoever
   * takes the results, and ends when nobody does.
   *
   * A line without a key is an error as by `keyOfJson`, with its number as `line`, or
   * `SAMEKEY_TOO_LONG`; with `onInvalid: 'report'` it is a result, and reading goes on.
   */
  jsonLines(stream: ByteStream, options?: JsonLinesOptions): AsyncIterableIterator<LineKey>;
  /**
   * Ends the threads when they have done what they have. A call that has more for them is rejected,
   * so wait for it first.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Returns a pool of threads that make keys of JSON texts, for Node. They are started by the first
 * call, and do not keep the program running. A pool needs the package `piscina`.
 *
 * All keys of one call are made by the engine in use, and with a `window` by the time, when it
 * began. A thread that dies, as of too little memory, ends the calls under way with its error; the
 * next call starts new threads.
 *
 * @throws {Error} `SAMEKEY_NO_POOL` if `piscina` is not installed; by its methods
 * `SAMEKEY_BAD_STATE` after `close`.
 * @throws {TypeError} `SAMEKEY_BAD_IDENTITY` for an identity with functions, and as
 * `defineIdentity`; {TypeError} and {RangeError} `SAMEKEY_BAD_ARGUMENT`.
 * @example
 * import { createPool } from 'samekey/pool';
 *
 * const pool = createPool({ threads: 2 });
 * const [first, second] = await pool.keysOfJson(['{"a":1,"b":2}', '{"b":2,"a":1}']);
 * first === second; // true
 *
 * const lines = [];
 * for await (const { line, key } of pool.jsonLines(new Blob(['{"b":2,"a":1}\n\n7\n']))) {
 *   lines.push({ line, isFirst: key === first });
 * }
 * lines; // [{ line: 1, isFirst: true }, { line: 3, isFirst: false }]
 * await pool.close();
 */
export function createPool(options: PoolOptions = {}): Pool {
  const { threads = availableParallelism(), identity } = readOptions(
    poolOptions,
    options,
    'options of createPool',
  );
  const { identity: usual } = toWork(identity);
  const pool = new Threads(threads);

  const close = () => pool.close();
  return {
    threads,

    async keysOfJson(texts, identity = usual) {
      pool.requireOpen();
      const work = toWork(identity);
      if (!Array.isArray(texts)) {
        fail(
          TypeError,
          'SAMEKEY_BAD_ARGUMENT',
          `Cannot make keys of the texts: it is ${nameOf(texts)}, wanted an array`,
        );
      }
      const keys: Key[] = [];
      const run = (batch: Batch) => pool.run(batch, work);
      for await (const { result } of inOrder(textBatches(texts, threads), run, threads)) {
        const [fault] = result.faults;
        if (fault !== undefined) throw toTextError(fault, keys.length + fault.item);
        for (const key of keysIn(result.keys)) keys.push(key as Key);
      }
      return keys;
    },

    jsonLines(stream, options = {}) {
      pool.requireOpen();
      const {
        identity = usual,
        onInvalid,
        maxLineBytes,
      } = readOptions(jsonLinesOptions, options, 'options of jsonLines');
      const goesOn = onInvalid === 'report';
      const work = toWork(identity, { goesOn, maxLineBytes });
      const run = (batch: Batch) => pool.run(batch, work);
      const reading = new AbortController();
      const blocks = keyBlocks(pieces(stream, reading.signal), run, work, threads);
      return lineKeys(blocks, goesOn, () => reading.abort());
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}
