import { isKey, parseKey } from '../index.js';

/** What is, or should be, an idempotency key in a line. */
export interface KeyToken {
  /** Zero-based. */
  readonly index: number;
  readonly text: string;
  /** How it is written, or `undefined` if it is malformed. */
  readonly format: string | undefined;
  /** What is wrong with it, if it is malformed. */
  readonly fault: string | undefined;
}

/** A line that can hold a key; most lines of a log cannot, and are done with this. */
const CANDIDATE = /ik_|idempotency|^[\s"']*(?:[\da-f]{64}|[\da-f]{8}-[\da-f-]{27})[\s"',]*$/i;

/** `ik_` and what hangs together with it; a store's own prefix before it is none of our business. */
const SAMEKEY = /(?<![A-Za-z0-9])ik_[\w-]*/gi;
/** Headers, JSON members and assignments, also inside quoted JSON: what follows is meant as a key. */
const POSITION =
  /idempotency[-_ ]?(?:key|token)\\?["']?\s*(?::|=>?)\s*(\\?["'])?([^\s"'\\,;&)\]}]*)/gi;
/** A line that is nothing but one word, as in a list of keys. */
const ALONE = /^[\s"']*([\w-]+)[\s"',]*$/;

const UUID = /^[\da-f]{8}-[\da-f]{4}-([\da-f])[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;
const DIGEST = /^[\da-f]{64}$/i;
/** What is printed where a variable was meant to be. */
const LEAKED = /^(?:undefined|null|nil|None|NaN|\[object|\$\{?\w+\}?|%s|\{\w*\}?)$/;

/** The keys in a line, well written or not; `isWhole` if it is no part of a longer one. */
export function keyTokensIn(line: string, isWhole: boolean): KeyToken[] {
  if (!CANDIDATE.test(line)) return [];
  const tokens = new Map<number, KeyToken>();
  const alone = isWhole ? ALONE.exec(line)?.[1] : undefined;
  if (alone !== undefined) add(tokens, line.indexOf(alone), alone, isKeyLike(alone));
  for (const match of line.matchAll(POSITION)) {
    const [before, quote, text] = match as unknown as [string, string | undefined, string];
    const end = match.index + before.length;
    const isEmpty = text === '' && quote !== undefined && line.startsWith(quote, end);
    add(tokens, end - text.length, text, isEmpty || isMeantAsKey(text));
  }
  for (const { 0: text, index } of line.matchAll(SAMEKEY)) {
    // `ik_prefix` is the name of something.
    add(tokens, index, text, text.length > 10 && /\d/.test(text));
  }
  return [...tokens.values()].sort((a, b) => a.index - b.index);
}

function isKeyLike(text: string): boolean {
  return /^ik_/i.test(text) || UUID.test(text) || DIGEST.test(text);
}

/** Whether it is more than the next word of a sentence about idempotency keys. */
function isMeantAsKey(text: string): boolean {
  return isKeyLike(text) || LEAKED.test(text) || /\d/.test(text);
}

function add(tokens: Map<number, KeyToken>, index: number, text: string, isToken: boolean): void {
  if (isToken && !tokens.has(index)) tokens.set(index, { index, text, ...judge(text) });
}

function judge(text: string): Pick<KeyToken, 'format' | 'fault'> {
  if (isKey(text)) return { format: `ik_ with ${parseKey(text).bits} bits`, fault: undefined };
  if (/^ik_/i.test(text)) return { format: undefined, fault: faultOf(text) };
  if (text === '') return { format: undefined, fault: 'a key is not empty' };
  if (LEAKED.test(text)) {
    return { format: undefined, fault: 'stands where the value of a variable should' };
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

/** What `parseKey` finds wrong, without the key, which is shown beside it. */
function faultOf(text: string): string {
  try {
    parseKey(text);
    return '';
  } catch (error) {
    return (error as Error).message.replace(/^Cannot parse the key ".*" at position \d+: /, '');
  }
}
