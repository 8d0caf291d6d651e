import { parse, stringify } from 'devalue';
import { decoder, encoder } from '../engine/utf8.js';
import { joinChunks } from '../response/chunks.js';
import { BrokenResponseError, ResponseNotKeptError } from '../response/errors.js';
import { setTimer } from '../runtime/runtime.js';
import type { Part, PartWatch } from './part-watch.js';

const LINE_FEED = 0x0a;
const PIECE_BYTES = 64 * 1024;
/** Before the number of what cannot be written; JSON never begins with it. */
const UNWRITTEN = '?';

/** What cannot be written, by the lines that stand for it. */
type Unwritten = Map<string, unknown>;

/**
 * A model's answer as a response: a line for what came before its parts, and one for each part, so
 * that it is shared and kept as any other response.
 *
 * What cannot be written, such as the error in an `error` part, is handed on in memory to whoever
 * reads along, and an answer with such a part is not kept.
 */
export class PartLines {
  readonly #held = new Map<string, { readonly unwritten: Unwritten; inProgressCount: number }>();
  #count = 0;

  /** Holds what cannot be written for whoever begins to read until then; they hold it themselves. */
  hold(key: string, settled: Promise<void>): void {
    const held = this.#held.get(key) ?? { unwritten: new Map(), inProgressCount: 0 };
    this.#held.set(key, held);
    held.inProgressCount++;
    // Who was the last to be let in has begun before the next turn.
    const release = () => {
      if (--held.inProgressCount === 0) this.#held.delete(key);
    };
    settled.then(() => setTimer(release, 0));
  }

  toResponse(key: string, head: unknown, parts: ReadableStream<Part>, watch: PartWatch): Response {
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
            watch.see(value);
            enqueue(controller, toLine(value));
            return;
          }
          const fault = watch.fault();
          if (fault !== undefined) controller.error(new BrokenResponseError(key, fault));
          else if (whyUnwritten === undefined) controller.close();
          else controller.error(new ResponseNotKeptError(key, 200, whyUnwritten));
        },
        cancel: (reason) => source.cancel(reason),
      },
      // Nothing may lie in a queue when the end turns out to be an error, which empties it.
      { highWaterMark: 0 },
    );
    return new Response(lines);
  }

  /** The head, and the parts as they come, as `present` makes them; they end when `settle` says so. */
  async read(
    key: string,
    { body }: Response,
    present: (part: Part) => Part,
    settle: () => Promise<void>,
  ): Promise<{ head: unknown; parts: ReadableStream<Part> }> {
    const unwritten = this.#held.get(key)?.unwritten;
    const lines = new LineReader(body as ReadableStream<Uint8Array>);
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

  /** All lines of an answer that was kept. */
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
  if (!unwritten?.has(line)) throw new BrokenResponseError(line, 'a part of it is gone');
  return unwritten.get(line);
}

/** A body's lines, one after the other. */
class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What was read and not given yet, from `#at` on. */
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
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

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }

  async #more(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#reader.read();
      return done ? undefined : value;
    } catch (error) {
      // The parts have said what is wrong with them; to who reads them they are all there was.
      if (error instanceof BrokenResponseError || error instanceof ResponseNotKeptError) {
        return undefined;
      }
      throw error;
    }
  }
}

/** Enqueues it so that those who read it together can stay together, however long it is. */
function enqueue(controller: ReadableStreamDefaultController<Uint8Array>, line: Uint8Array): void {
  for (let at = 0; at < line.length; at += PIECE_BYTES) {
    controller.enqueue(line.subarray(at, at + PIECE_BYTES));
  }
}
