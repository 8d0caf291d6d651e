/** A repeated key, with its counts so far. */
export interface Repeat {
  readonly key: string;
  readonly times: number;
  /** The line of its first call, from 1. It identifies the key. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly wasted: number;
  /** Present if tokens are counted. */
  readonly wastedTokens?: Tokens;
}

/** The tokens of a call. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}

export const NO_TOKENS: Tokens = { input: 0, output: 0 };

const total = ({ input, output }: Tokens): number => input + output;

/** Compares by cost, then by tokens. Negative if `a` is cheaper. */
export function compareCosts(
  a: { readonly cost: number; readonly tokens: Tokens },
  b: { readonly cost: number; readonly tokens: Tokens },
): number {
  return a.cost === b.cost ? total(a.tokens) - total(b.tokens) : a.cost - b.cost;
}

/**
 * How many characters of a key are stored: more than the headers of a request may have together at most
 * servers. Longer texts are no keys, and a thousand of them would not fit into memory.
 */
const MAX_KEY_CHARS = 16_384;

/** Compares by wasted cost, then by wasted tokens, count and place in the log. */
function isWorse(a: Repeat, b: Repeat): boolean {
  const order = compareCosts(
    { cost: a.wasted, tokens: a.wastedTokens ?? NO_TOKENS },
    { cost: b.wasted, tokens: b.wastedTokens ?? NO_TOKENS },
  );
  if (order !== 0) return order > 0;
  return a.times === b.times ? a.firstLine < b.firstLine : a.times > b.times;
}

/**
 * Keeps the `maxCount` worst of all offered repeats. The result is exact although no others are stored:
 * a key is offered each time it repeats, and its rank never falls.
 */
export class WorstRepeats {
  /** The worst first. */
  readonly list: Repeat[] = [];
  readonly #maxCount: number;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  offer(repeat: Repeat): void {
    const { list } = this;
    const mildest = list[this.#maxCount - 1];
    // A key in the list has become worse, so it is worse than the mildest one.
    if (mildest !== undefined && !isWorse(repeat, mildest)) return;
    const before = list.findIndex(({ firstLine }) => firstLine === repeat.firstLine);
    let at = before === -1 ? Math.min(list.length, this.#maxCount - 1) : before;
    const key = list[before]?.key ?? shortCopy(repeat.key);
    for (; at > 0 && isWorse(repeat, list[at - 1] as Repeat); at--) {
      list[at] = list[at - 1] as Repeat;
    }
    list[at] = { ...repeat, key };
  }
}

/** Copies the key, because a slice would keep the whole line in memory. */
function shortCopy(key: string): string {
  const shown =
    key.length > MAX_KEY_CHARS
      ? `${key.slice(0, MAX_KEY_CHARS)}… (the first ${MAX_KEY_CHARS} of ${key.length} characters)`
      : key;
  return Buffer.from(shown, 'utf16le').toString('utf16le');
}
