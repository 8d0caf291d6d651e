/** Line and column of an offset, both from 1 as editors count, the column in characters. */
export function positionOf(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', start)) {
    line++;
    start = i + 1;
  }
  let column = 1;
  for (const _ of text.slice(start, offset)) column++;
  return `line ${line}, column ${column}`;
}

/** What is shown as one thing. */
const WORD = /\\?[\w$.+-]{1,40}/y;

/** What people write who think of JavaScript. */
const HINTS: Record<string, string> = {
  "'": ', strings stand in double quotes',
  '/': ', JSON has no comments',
};

/** What stands at an offset, for a message: a word, a character, the end. */
export function thingAt(text: string, offset: number): string {
  WORD.lastIndex = offset;
  const word = WORD.exec(text)?.[0];
  if (word !== undefined) return word;
  const code = text.codePointAt(offset);
  if (code === undefined) return 'the end';
  const char = String.fromCodePoint(code);
  // White space and look-alikes are best told by number.
  if (code <= 0x20 || code >= 0x7f) return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return `${char === '"' ? "'\"'" : `"${char}"`}${HINTS[char] ?? ''}`;
}
