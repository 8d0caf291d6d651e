import { fail, nameOf, requireMembers } from '../../errors/errors.js';

export interface RetryBudgetOptions {
  /** Retries per call in the long run; 0.2 unless given. */
  readonly ratio?: number;
  /** Retries beyond that, for when there were few calls; 10 unless given. */
  readonly burst?: number;
}

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
  requireMembers(options, ['ratio', 'burst'], 'retry budget');
  const { ratio = 0.2, burst = 10 } = options;
  inRange('ratio', ratio, 0, 100);
  // With less than one there would never be a retry.
  inRange('burst', burst, 1, 1_000_000);
  return new RetryBudget(ratio, burst);
}

function inRange(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return;
  const shown = typeof value === 'number' ? value : nameOf(value);
  fail(
    typeof value === 'number' ? RangeError : TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot make a retry budget: ${name} is ${shown}, wanted a number from ${least} to ${most}`,
  );
}
