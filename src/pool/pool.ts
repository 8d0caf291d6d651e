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

/** A pool of threads that make keys. Made by `createPool`. */
export interface Pool {
  /** The number of threads. */
  readonly threads: number;
  /**
   * Resolves to the keys of JSON texts, in their order. Each equals `keyOfJson` of the text. Texts
   * passed as bytes must not change until then.
   *
   * Rejects with the errors of `keyOfJson`. The message has the index of the first wrong text.
   */
  keysOfJson(texts: readonly Content[], identity?: IdentityLike): Promise<Key[]>;
  /**
   * Yields the keys of a stream of JSON lines, in their order. White space around the value of a
   * line does not matter. A blank line is counted but yields nothing. Reading keeps pace with the
   * consumer, and stops when the consumer stops.
   *
   * A line without a key throws the error of `keyOfJson`, or `SAMEKEY_TOO_LONG`, with the line
   * number as `line`. With `onInvalid: 'report'` the error is yielded, and reading continues.
   */
  jsonLines(stream: ByteStream, options?: JsonLinesOptions): AsyncIterableIterator<LineKey>;
  /**
   * Ends the threads after their current batches. Calls with further batches reject, so wait for
   * them before closing.
   */
  close(): Promise<void>;
  /** Calls `close`, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Returns a pool of threads that make keys of JSON texts, for Node. The first call starts the
 * threads; they do not keep the process running. It needs the package `piscina`.
 *
 * All keys of a call are made by the engine, and in the time `window`, at the start of the call. If
 * a thread dies, for example because it runs out of memory, all calls in progress reject with its
 * error. The next call starts new threads.
 *
 * @throws {Error} `SAMEKEY_NO_POOL` if `piscina` is not installed. The methods throw
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
      const continueOnFault = onInvalid === 'report';
      const work = toWork(identity, { continueOnFault, maxLineBytes });
      const run = (batch: Batch) => pool.run(batch, work);
      const reading = new AbortController();
      const blocks = keyBlocks(pieces(stream, reading.signal), run, work, threads);
      return lineKeys(blocks, continueOnFault, () => reading.abort());
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}
