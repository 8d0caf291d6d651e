import { readOptions } from '../../options/read.js';
import { number, type OptionsOf, specs } from '../../options/spec.js';

const budgetOptions = /* @__PURE__ */ specs(() => ({
  /** Retries per call in the long run. */
  ratio: number({ default: 0.2, max: 100 }),
  /** Retries beyond that ratio, for times with few calls. With fewer than one there would never be a retry. */
  burst: number({ default: 10, min: 1, max: 1_000_000 }),
}));

/** The options of `retryBudget`. */
export interface RetryBudgetOptions extends OptionsOf<typeof budgetOptions> {}

/**
 * Bounds the share of retries among all calls. Without a budget, four attempts per call send an
 * overloaded server four times its load.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #burst: number;
  #tokens: number;

  constructor(ratio: number, burst: number) {
    this.#ratio = ratio;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Counts a call, which earns a part of a retry. */
  earn(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio);
  }

  /** Takes one retry. Returns `false` if no retry is left. */
  spend(): boolean {
    // 0.2 added five times is less than 1 in floating point.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}

/**
 * Returns a budget for the retries of every policy that has it: n calls cause at most
 * `burst + ratio × n` retries.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for numbers out of range.
 * @example
 * const budget = retryBudget({ ratio: 0.1, burst: 1 });
 * let calls = 0;
 * const down = async () => (calls++, new Response(null, { status: 503 }));
 * const toOpenai = withRetry(down, { ...retryPolicies.openai, budget, baseDelayMs: 1 });
 * const toBedrock = withRetry(down, { ...retryPolicies.bedrock, budget, baseDelayMs: 1 });
 * (await toOpenai('https://api.example/')).status; // 503
 * (await toBedrock('https://api.example/')).status; // 503
 * calls; // 3
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  const { ratio, burst } = readOptions(budgetOptions, options, 'retry budget');
  return new RetryBudget(ratio, burst);
}
