import { fail, nameOf } from '../errors/errors.js';
import { activeEngine, type IdentityLike } from '../index.js';
import type { Work } from './batch.js';
import { toSendable } from './sendable-identity.js';

/** Roughly the longest text that V8 can hold. */
export const DEFAULT_MAX_LINE_BYTES = 1 << 29;

/** Returns the settings of a call, validated and ready to be sent. */
export function toWork(
  identity: IdentityLike | undefined,
  { continueOnFault = false, maxLineBytes = DEFAULT_MAX_LINE_BYTES } = {},
): Work {
  return {
    identity: toSendable(identity),
    nowMs: Date.now(),
    engine: activeEngine().choice,
    maxLineBytes,
    continueOnFault,
  };
}

/** Checks a whole number from 1 to `max`. */
export function toCount(count: unknown, name: string, max: number): number {
  if (Number.isInteger(count) && (count as number) >= 1 && (count as number) <= max) {
    return count as number;
  }
  const isNumber = typeof count === 'number';
  return fail(
    isNumber ? RangeError : TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use ${name}: it is ${isNumber ? count : nameOf(count)}, wanted a whole number from 1 to ${max}`,
  );
}
