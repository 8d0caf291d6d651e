/**
 * What a member looks like in the text of a line: a log has integers beyond 2^53, as times and
 * identifiers, and of those only the text is exact.
 */

/** RFC 8259 §2. */
const BLANKS = /[ \t\n\r]*/y;
/** A number, `true`, `false` or `null`, in a text that is known to be JSON. */
const SCALAR = /[^\s,\]}]+/y;
/** All that matters for where an array or an object ends. */
const STRUCTURE = /["[\]{}]/g;

/**
 * The text of the member that `names` lead to from the object `text`, which `JSON.parse` has read
 * and in which that member is. Of equal names it is the last one's, as in the value.
 */
export function memberText(text: string, names: readonly string[]): string {
  let start = afterBlanks(text, 0);
  for (const name of names) start = startOfMember(text, start, name);
  return text.slice(start, endOfValue(text, start));
}

function startOfMember(text: string, objectStart: number, wanted: string): number {
  let found = -1;
  let at = afterBlanks(text, objectStart + 1);
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at);
    const isWanted = JSON.parse(text.slice(at, nameEnd)) === wanted;
    const colon = afterBlanks(text, nameEnd);
    const start = afterBlanks(text, colon + 1);
    if (isWanted) found = start;
    const comma = afterBlanks(text, endOfValue(text, start));
    at = afterBlanks(text, comma + 1);
  }
  return found;
}

function afterBlanks(text: string, at: number): number {
  return endOf(BLANKS, text, at);
}

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(text);
  return pattern.lastIndex;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') return endOf(SCALAR, text, start);
  let depth = 0;
  let at = start;
  do {
    at = endOf(STRUCTURE, text, at);
    const char = text[at - 1];
    if (char === '"') at = endOfString(text, at - 1);
    else depth += char === '{' || char === '[' ? 1 : -1;
  } while (depth > 0);
  return at;
}

/** By `indexOf`, because a pattern would need a stack as long as the string. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslash = at;
  while (text[backslash - 1] === '\\') backslash--;
  return (at - backslash) % 2 === 1;
}
