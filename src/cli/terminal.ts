import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** How to write to a stream: with colours and a width on a terminal, without both in a pipe. */
export interface Style {
  /** The width to cut long lines to; `undefined` if they are not cut. */
  readonly columns: number | undefined;
  paint(format: Format, text: string): string;
}

export function styleOf(stream: NodeJS.WriteStream): Style {
  const isColoured = hasColour(stream);
  return {
    columns: stream.isTTY ? Math.max(stream.columns || 80, 20) : undefined,
    paint: (format, text) =>
      isColoured ? styleText(format, text, { validateStream: false }) : text,
  };
}

/** https://no-color.org and https://force-color.org. FORCE_COLOR takes precedence, as in Node.js. */
function hasColour(stream: NodeJS.WriteStream): boolean {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  if (NO_COLOR) return false;
  return stream.isTTY === true && TERM !== 'dumb';
}

const NARROW = /^[\x20-\x7e]*$/;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** Two columns wide in terminals: East Asian scripts and emoji (Unicode TR 11, W and F). */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

function columnsOfChar(char: string): number {
  return ZERO_WIDTH.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

/** How many columns a terminal needs for `text`. */
export function columnsOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += columnsOfChar(char);
  return width;
}

/** Cuts `text` to `columns`, with an ellipsis. Without a width, returns it unchanged. */
export function cut(text: string, columns: number | undefined): string {
  if (columns === undefined) return text;
  // The text may have 500 MB, for example an image. Only the visible part is examined.
  const head = text.slice(0, 2 * columns + 2);
  if (NARROW.test(head)) {
    return head.length <= columns ? head : `${head.slice(0, columns - 1)}…`;
  }
  let width = 0;
  let end = 0;
  let endBeforeLast = 0;
  for (const char of head) {
    width += columnsOfChar(char);
    if (width > columns) return `${head.slice(0, endBeforeLast)}…`;
    end += char.length;
    if (width < columns) endBeforeLast = end;
  }
  return end < text.length ? `${head.slice(0, endBeforeLast)}…` : text;
}
