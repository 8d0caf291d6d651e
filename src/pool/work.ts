import { fail, nameOf } from '../errors/errors.js';
import { activeEngine, type IdentityLike } from '../index.js';
import type { Work } from './batch.js';
import { toSendable } from './sendable-identity.js';

/** What V8 can hold as one text, about. */
export const DEFAULT_MAX_LINE_BYTES = 1 << 29;

/** What a call wants, checked and ready to be sent. */
export function toWork(
  identity: IdentityLike | undefined,
  { goesOn = false, maxLineBytes = DEFAULT_MAX_LINE_BYTES } = {},
): Work {
  return {
    identity: toSendable(identity),
    nowMs: Date.now(),
    engine: activeEngine().choice,
    maxLineBytes,
    goesOn,
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
