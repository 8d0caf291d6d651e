/** A key that came more than once, up to now. */
export interface Repeat {
  readonly key: string;
  readonly times: number;
  /** From 1; no two keys have the same. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly wasted: number;
  /** Where tokens are counted. */
  readonly wastedTokens?: Tokens;
}

/** What a call used. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}

export const NO_TOKENS: Tokens = { input: 0, output: 0 };

const total = ({ input, output }: Tokens): number => input + output;

/** By cost, then by tokens: negative if `a` is the cheaper one. */
export function compareCosts(
  a: { readonly cost: number; readonly tokens: Tokens },
  b: { readonly cost: number; readonly tokens: Tokens },
): number {
  return a.cost === b.cost ? total(a.tokens) - total(b.tokens) : a.cost - b.cost;
}

/** Characters of a key that are kept; a key is to be short. */
const MAX_KEY_CHARS = 255;

/** By what they cost, in money and in tokens, then by how often they came, then by their place in the log. */
function isWorse(a: Repeat, b: Repeat): boolean {
  const more = compareCosts(
    { cost: a.wasted, tokens: a.wastedTokens ?? NO_TOKENS },
    { cost: b.wasted, tokens: b.wastedTokens ?? NO_TOKENS },
  );
  if (more !== 0) return more > 0;
  return a.times === b.times ? a.firstLine < b.firstLine : a.times > b.times;
}

/**
 * The worst so many of all repeats that were offered, exactly, though no others are kept: a key only
 * gets worse with every time it comes, and is offered again each time.
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
    // One that is among them is worse than it was, and so than the mildest.
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

/** Copied, because a part of a line keeps the whole line in memory. */
function shortCopy(key: string): string {
  const shown = key.length > MAX_KEY_CHARS ? `${key.slice(0, MAX_KEY_CHARS)}…` : key;
  return Buffer.from(shown, 'utf16le').toString('utf16le');
}
