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
