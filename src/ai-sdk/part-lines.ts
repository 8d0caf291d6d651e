import { parse, stringify } from 'devalue';
import { decoder, encoder } from '../engine/utf8.js';
import { joinChunks } from '../response/chunks.js';
import { BrokenResponseError, ResponseNotKeptError } from '../response/errors.js';
import type { ResponseBody, ResponseData } from '../response/response-data.js';
import { setTimer } from '../runtime/runtime.js';
import type { Part, PartWatch } from './part-watch.js';

const LINE_FEED = 0x0a;
const PIECE_BYTES = 64 * 1024;
/** Precedes the number of a part that cannot be written. JSON never starts with it. */
const UNWRITTEN = '?';

/** The parts that cannot be written, by the lines that replace them. */
type Unwritten = Map<string, unknown>;

/**
 * Represents a model's answer as a response, so that it is shared and stored like any other: a line for
 * the head and a line for each part.
 *
 * A part that cannot be written, such as the error in an `error` part, is passed in memory to the
 * readers, and an answer with such a part is not stored.
 */
export class PartLines {
  readonly #held = new Map<string, { readonly unwritten: Unwritten; inProgressCount: number }>();
  readonly #watches = new WeakMap<ResponseData, PartWatch>();
  #count = 0;

  /** Holds unwritable parts until all readers have started; then they hold them themselves. */
  hold(key: string, settled: Promise<void>): void {
    const held = this.#held.get(key) ?? { unwritten: new Map(), inProgressCount: 0 };
    this.#held.set(key, held);
    held.inProgressCount++;
    // The last subscriber has started to read before the next turn.
    const release = () => {
      if (--held.inProgressCount === 0) this.#held.delete(key);
    };
    settled.then(() => setTimer(release, 0));
  }

  toResponse(
    key: string,
    head: unknown,
    parts: ReadableStream<Part>,
    watch: PartWatch,
  ): ResponseData {
    const source = parts.getReader();
    const unwritten = this.#held.get(key)?.unwritten;
    let hasBegun = false;
    let whyUnwritten: string | undefined;
    const toLine = (value: unknown) =>
      this.#toLine(value, (line, why) => {
        whyUnwritten ??= why;
        unwritten?.set(line, value);
      });
    const lines = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (!hasBegun) {
            hasBegun = true;
            enqueue(controller, toLine(head));
            return;
          }
          const { done, value } = await source.read();
          if (!done) {
            watch.add(value);
            enqueue(controller, toLine(value));
            return;
          }
          if (whyUnwritten === undefined) controller.close();
          else controller.error(new ResponseNotKeptError(key, 200, whyUnwritten));
        },
        cancel: (reason) => source.cancel(reason),
      },
      // An error empties the queue of a stream, so the queue must be empty before the end.
      { highWaterMark: 0 },
    );
    const response = { status: 200, statusText: '', url: '', headers: [], body: lines };
    this.#watches.set(response, watch);
    return response;
  }

  /** The judge of a response that `toResponse` returned. */
  judgeOf(response: ResponseData): PartWatch | undefined {
    return this.#watches.get(response);
  }

  /** Returns the head, and the parts as they arrive, converted by `present`. They end when `settle` resolves. */
  async read(
    key: string,
    { body }: ResponseData,
    present: (part: Part) => Part,
    settle: () => Promise<void>,
  ): Promise<{ head: unknown; parts: ReadableStream<Part> }> {
    const unwritten = this.#held.get(key)?.unwritten;
    const lines = new LineReader(body as Exclude<ResponseBody, null>);
    const head = await lines.next();
    const parts = new ReadableStream<Part>(
      {
        pull: async (controller) => {
          const line = await lines.next();
          if (line !== undefined) {
            controller.enqueue(present(fromLine(line, unwritten) as Part));
            return;
          }
          await settle();
          controller.close();
        },
        cancel: (reason) => lines.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return { head: head === undefined ? undefined : fromLine(head, unwritten), parts };
  }

  /** All lines of a stored answer. */
  parse(body: Uint8Array): unknown[] {
    const lines = decoder.decode(body).split('\n');
    return lines.filter((line) => line !== '').map((line) => fromLine(line));
  }

  #toLine(value: unknown, onUnwritten: (line: string, why: string) => void): Uint8Array {
    let line: string;
    try {
      line = stringify(value);
    } catch (error) {
      line = `${UNWRITTEN}${++this.#count}`;
      onUnwritten(line, error instanceof Error ? error.message : String(error));
    }
    return encoder.encode(`${line}\n`);
  }
}

function fromLine(line: string, unwritten?: Unwritten): unknown {
  if (!line.startsWith(UNWRITTEN)) return parse(line);
  if (!unwritten?.has(line))
    throw new BrokenResponseError(line, 'a part of it is no longer in memory');
  return unwritten.get(line);
}

/** Reads a body line by line. */
class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** Bytes that were read and not returned yet, from `#at` on. */
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(body: Uint8Array | ReadableStream<Uint8Array>) {
    if (body instanceof Uint8Array) this.#bytes = body;
    else this.#reader = body.getReader();
  }

  async next(): Promise<string | undefined> {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const end = this.#bytes.indexOf(LINE_FEED, this.#at);
      pieces.push(this.#bytes.subarray(this.#at, end === -1 ? undefined : end));
      if (end !== -1) {
        this.#at = end + 1;
        const byteCount = pieces.reduce((sum, { length }) => sum + length, 0);
        return decoder.decode(joinChunks(pieces, byteCount));
      }
      const more = await this.#more();
      if (more === undefined) return undefined;
      this.#bytes = more;
      this.#at = 0;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    await this.#reader?.cancel(reason);
  }

  async #more(): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader?.read())?.value;
    } catch (error) {
      // The parts contain the failure themselves. For readers the answer ends here.
      if (error instanceof BrokenResponseError || error instanceof ResponseNotKeptError) {
        return undefined;
      }
      throw error;
    }
  }
}

/** Enqueues a long line in pieces, so that readers of a long answer stay close together. */
function enqueue(controller: ReadableStreamDefaultController<Uint8Array>, line: Uint8Array): void {
  for (let at = 0; at < line.length; at += PIECE_BYTES) {
    controller.enqueue(line.subarray(at, at + PIECE_BYTES));
  }
}
