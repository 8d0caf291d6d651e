/**
 * Cuts the text of a member out of a line of JSON. Logs contain integers beyond 2^53, such as times and
 * identifiers, which only their text represents exactly.
 */

/** RFC 8259 §2. */
const BLANKS = /[ \t\n\r]*/y;
/** A number, `true`, `false` or `null`, in valid JSON. */
const SCALAR = /[^\s,\]}]+/y;
/** The characters that decide where an array or an object ends. */
const STRUCTURE = /["[\]{}]/g;

/**
 * Returns the text of the member at the path `names` in the object `text`, which must be valid JSON and
 * contain that member. Of equal names the last one counts, as in `JSON.parse`.
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

/** Uses `indexOf`: a regular expression would need a stack as deep as the string is long. */
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
