/** A line of a log, or a part of one that is too long for memory. */
export interface Line {
  /** The number of the line, from 1. */
  readonly number: number;
  readonly text: string;
  /** The number of characters of the line before `text`. */
  readonly before: number;
  readonly isWhole: boolean;
}

/** The largest part of a line, in characters. */
const MAX_LINE_CHARS = 1 << 20;

/**
 * Yields the lines of a stream in constant memory. A longer line comes in parts, cut at white space if
 * possible. Invalid UTF-8 is replaced.
 */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  maxChars = MAX_LINE_CHARS,
): AsyncGenerator<Line, void, undefined> {
  const decoder = new TextDecoder();
  let number = 1;
  let before = 0;
  let rest = '';
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
      const text = rest.slice(start, end);
      yield { number, text, before, isWhole: before === 0 };
      number++;
      before = 0;
      start = end + 1;
    }
    rest = rest.slice(start);
    while (rest.length > maxChars) {
      const blank = rest.slice(0, maxChars).search(/\s\S*$/);
      const end = blank > 0 ? blank : maxChars;
      yield { number, text: rest.slice(0, end), before, isWhole: false };
      before += end;
      rest = rest.slice(end);
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield { number, text: rest, before, isWhole: before === 0 };
}
