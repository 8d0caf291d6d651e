import { isKey, parseKey } from '../index.js';

/** A text in a line that is an idempotency key, or was meant to be one. */
export interface KeyToken {
  /** Its index in the line, from 0. */
  readonly index: number;
  readonly text: string;
  /** The format of the key; `undefined` if it is malformed. */
  readonly format: string | undefined;
  /** Why it is malformed. */
  readonly fault: string | undefined;
}

/** Matches lines that may contain a key. It sorts out most lines of a log quickly. */
const CANDIDATE = /ik_|idempotency|^[\s"']*(?:[\da-f]{64}|[\da-f]{8}-[\da-f-]{27})[\s"',]*$/i;

/** `ik_` and the word after it. A prefix such as that of a store may precede it. */
const SAMEKEY = /(?<![A-Za-z0-9])ik_[\w-]*/gi;
/** The name of a header, JSON member or variable, also inside quoted JSON. Its value is meant as a key. */
const POSITION =
  /idempotency[-_ ]?(?:key|token)\\?["']?\s*(?::|=>?)\s*(\\?["'])?([^\s"'\\,;&)\]}]*)/gi;
/** A header, or a variable without a space, whose value cannot be on the next line. */
const EMPTY = /^idempotency-(?:key|token)\s*:\s*$|^[\w-]+=\s*$/i;
/** A line with a single word, as in a list of keys. */
const ALONE = /^[\s"']*([\w-]+)[\s"',]*$/;

const UUID = /^[\da-f]{8}-[\da-f]{4}-([\da-f])[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;
const DIGEST = /^[\da-f]{64}$/i;
/** Texts that programs print in place of a missing or unresolved variable. */
const LEAKED = /^(?:undefined|null|nil|None|NaN|\[object|\$\{?\w+\}?|%s|\{\w*\}?)$/;

/** Finds the keys in a line, malformed ones included. `isWhole` is `false` for a part of a long line. */
export function keyTokensIn(line: string, isWhole: boolean): KeyToken[] {
  if (!CANDIDATE.test(line)) return [];
  const tokens = new Map<number, KeyToken>();
  const alone = isWhole ? ALONE.exec(line)?.[1] : undefined;
  if (alone !== undefined) add(tokens, line.indexOf(alone), alone, isKeyLike(alone));
  for (const match of line.matchAll(POSITION)) {
    const [before, quote = '', text] = match as unknown as [string, string | undefined, string];
    const end = match.index + before.length;
    const index = text === '' ? emptyValueAt(line, match.index, before, quote) : end - text.length;
    // What a line of unknown length goes on with is not known.
    if (index === undefined || (text === '' && end === line.length && !isWhole)) continue;
    add(tokens, index, text, text === '' || isMeantAsKey(text));
  }
  for (const { 0: text, index } of line.matchAll(SAMEKEY)) {
    // A word such as `ik_prefix` is a name, not a key.
    add(tokens, index, text, text.length > 10 && /\d/.test(text));
  }
  return [...tokens.values()].sort((a, b) => a.index - b.index);
}

/**
 * Returns the index of a value that is empty; `undefined` if a value may follow, as on the next line.
 * `before` is the name and all up to the value, from `start`.
 */
function emptyValueAt(
  line: string,
  start: number,
  before: string,
  quote: string,
): number | undefined {
  const end = start + before.length;
  if (quote !== '' && line.startsWith(quote, end)) return end;
  if (!EMPTY.test(before.slice(0, before.length - quote.length))) return undefined;
  if (quote === '') return end === line.length || line[end] === '&' ? end : undefined;
  // The quote is the end of a whole header, as in the arguments of curl.
  return line.startsWith(quote, start - quote.length) ? end - quote.length : undefined;
}

function isKeyLike(text: string): boolean {
  return /^ik_/i.test(text) || UUID.test(text) || DIGEST.test(text);
}

/** Whether it is a key, and not the next word of a sentence about idempotency keys. */
function isMeantAsKey(text: string): boolean {
  return isKeyLike(text) || LEAKED.test(text) || /\d/.test(text);
}

function add(tokens: Map<number, KeyToken>, index: number, text: string, isToken: boolean): void {
  if (isToken && !tokens.has(index)) tokens.set(index, { index, text, ...judge(text) });
}

function judge(text: string): Pick<KeyToken, 'format' | 'fault'> {
  if (isKey(text)) return { format: `ik_ with ${parseKey(text).bits} bits`, fault: undefined };
  if (/^ik_/i.test(text)) return { format: undefined, fault: faultOf(text) };
  if (text === '') return { format: undefined, fault: 'it is empty' };
  if (LEAKED.test(text)) {
    return { format: undefined, fault: 'it stands for the value of a variable' };
  }
  const version = UUID.exec(text)?.[1];
  if (version !== undefined) {
    const kind = version === '4' ? 'a random UUID (version 4)' : `a UUID (version ${version})`;
    return { format: kind, fault: undefined };
  }
  return {
    format: DIGEST.test(text) ? 'a bare 256-bit digest' : 'some other text',
    fault: undefined,
  };
}

/** The fault that `parseKey` reports, without the key itself. */
function faultOf(text: string): string {
  try {
    parseKey(text);
    return '';
  } catch (error) {
    return (error as Error).message.replace(/^Cannot parse the key ".*" at position \d+: /, '');
  }
}
