import type { SamekeyErrorCode } from '../errors/errors.js';
import type { ToolResult } from './call.js';

const UNAVAILABLE =
  'Cannot run the tool: the records of earlier calls cannot be read, wanted another attempt later';

/** Messages for clients. Those of the errors name an internal key, or the address of the store. */
const DETAILS: Readonly<Partial<Record<SamekeyErrorCode, string>>> = {
  SAMEKEY_MISMATCH:
    'Cannot run the tool: its key was sent before with other arguments, wanted a key of its own for every operation',
  SAMEKEY_IN_PROGRESS:
    'Cannot answer yet: the first call with this key is still running, wanted another attempt later',
  SAMEKEY_UNKNOWN_OUTCOME:
    'Cannot run the tool: an earlier attempt ended without an answer, wanted an operator to check what it did',
  SAMEKEY_UNREADABLE:
    'Cannot answer: the tool has run, and its stored result cannot be read, wanted an operator to look at it',
  SAMEKEY_STORE: UNAVAILABLE,
  SAMEKEY_CLOSED: UNAVAILABLE,
  SAMEKEY_LEASE_LOST:
    'Cannot answer: the record of the call was lost while the tool ran, wanted the same call again',
  SAMEKEY_TIMEOUT: 'Cannot answer: the tool was not finished in time, wanted the same call again',
};

/** Returns the message that a client receives for an error of `once`; `undefined` for other errors. */
export const detailOf = (code: SamekeyErrorCode): string | undefined => DETAILS[code];

/** Returns the result of a call that is refused. */
export const refusal = (code: string, text: string): ToolResult => ({
  content: [{ type: 'text', text }],
  isError: true,
  _meta: { 'samekey-code': code },
});
