import { parse, stringify } from 'devalue';
import { LRUCache } from 'lru-cache';
import { decoder, encoder } from '../../engine/utf8.js';
import { BrokenResponseError, ResponseNotKeptError } from '../exchange/errors.js';
import type { Part, PartWatch } from './part-watch.js';

const LINE_FEED = 0x0a;
/** Before the number of what cannot be written; JSON never begins with it. */
const UNWRITTEN = '?';
/** Of these, how many are held for readers in this process. */
const MAX_UNWRITTEN = 1000;

/**
 * A model's answer as a response: a line for what came before its parts, and one for each part, so
 * that it is shared and kept as any other response.
 *
 * What cannot be written, such as the error in an `error` part, is handed on in memory to whoever
 * reads along, and an answer with such a part is not kept.
 */
export class PartLines {
  readonly #unwritten = new LRUCache<string, { readonly part: unknown }>({ max: MAX_UNWRITTEN });
  #count = 0;

  toResponse(key: string, head: unknown, parts: ReadableStream<Part>, watch: PartWatch): Response {
    const source = parts.getReader();
    let hasBegun = false;
    let whyUnwritten: string | undefined;
    const toLine = (value: unknown) =>
      this.#toLine(value, (why) => {
        whyUnwritten ??= why;
      });
    const lines = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (!hasBegun) {
            hasBegun = true;
            controller.enqueue(toLine(head));
            return;
          }
          const { done, value } = await source.read();
          if (!done) {
            watch.see(value);
            controller.enqueue(toLine(value));
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
    { body }: Response,
    present: (part: Part) => Part,
    settle: () => Promise<void>,
  ): Promise<{ head: unknown; parts: ReadableStream<Part> }> {
    const lines = new LineReader(body as ReadableStream<Uint8Array>);
    const head = await lines.next();
    const parts = new ReadableStream<Part>(
      {
        pull: async (controller) => {
          const line = await lines.next();
          if (line !== undefined) {
            controller.enqueue(present(this.#fromLine(line) as Part));
            return;
          }
          await settle();
          controller.close();
        },
        cancel: (reason) => lines.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return { head: head === undefined ? undefined : this.#fromLine(head), parts };
  }

  /** All lines of an answer that was kept. */
  parse(body: Uint8Array): unknown[] {
    const lines = decoder.decode(body).split('\n');
    return lines.filter((line) => line !== '').map((line) => this.#fromLine(line));
  }

  #toLine(value: unknown, onUnwritten: (why: string) => void): Uint8Array {
    let line: string;
    try {
      line = stringify(value);
    } catch (error) {
      onUnwritten(error instanceof Error ? error.message : String(error));
      line = `${UNWRITTEN}${++this.#count}`;
      this.#unwritten.set(line, { part: value });
    }
    return encoder.encode(`${line}\n`);
  }

  #fromLine(line: string): unknown {
    if (!line.startsWith(UNWRITTEN)) return parse(line);
    const found = this.#unwritten.get(line);
    if (found === undefined) throw new BrokenResponseError(line, 'a part of it is gone');
    return found.part;
  }
}

/** A body's lines, one after the other. */
class LineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What was read and not given yet, from `#at` on. */
  #bytes = new Uint8Array();
  #at = 0;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#bytes.indexOf(LINE_FEED, this.#at);
      if (end !== -1) {
        const line = decoder.decode(this.#bytes.subarray(this.#at, end));
        this.#at = end + 1;
        return line;
      }
      const more = await this.#more();
      if (more === undefined) return undefined;
      const rest = this.#bytes.subarray(this.#at);
      this.#bytes = new Uint8Array(rest.length + more.length);
      this.#bytes.set(rest);
      this.#bytes.set(more, rest.length);
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
