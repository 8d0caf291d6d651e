import { isKey } from '../index.js';

/** Longer keys are refused, because clients choose them and the store keeps them. */
export const MAX_KEY_CHARACTERS = 255;

/** Texts that programs write in place of a missing value. All of them would share one result. */
const LEAKED = /^(?:undefined|null|NaN|\[object)$/;

/**
 * Returns what is wrong with a key that a caller chose, such as `order-7`, a UUID or the ID of a
 * webhook's event, or `undefined` for a valid one. The rule is the same for `once`, a caller's own
 * `Idempotency-Key`, servers and the proxy.
 */
export function faultOfChosenKey(text: string): string | undefined {
  if (isKey(text)) return undefined;
  if (text === '') return 'it is empty';
  if (text.length > MAX_KEY_CHARACTERS) return `it has ${text.length} characters`;
  if (!/^[!-~]+$/.test(text)) return 'it has characters other than visible ASCII';
  if (LEAKED.test(text)) return 'it stands for the value of a variable';
  return /^ik_/i.test(text) ? 'it begins like a key of samekey, but is none' : undefined;
}
