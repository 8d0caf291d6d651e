import { readOptions } from '../../options/read.js';
import { number, type OptionsOf, specs } from '../../options/spec.js';

const budgetOptions = /* @__PURE__ */ specs(() => ({
  /** Retries per call in the long run. */
  ratio: number({ default: 0.2, max: 100 }),
  /** Retries beyond that ratio, for times with few calls. With fewer than one there would never be a retry. */
  burst: number({ default: 10, min: 1, max: 1_000_000 }),
}));

export interface RetryBudgetOptions extends OptionsOf<typeof budgetOptions> {}

/**
 * How many of all calls may be retries. With four attempts each, an outage would be met by four times
 * the load that the other side could not bear.
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

  /** There was a call. */
  earn(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio);
  }

  /** Takes a retry, if there is one left. */
  spend(): boolean {
    // A fifth five times is less than one.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}

/**
 * Returns a budget for the retries of all policies it is given to: of n calls, at most
 * `burst + ratio × n` are retried.
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
