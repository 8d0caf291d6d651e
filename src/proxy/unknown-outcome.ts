/** Codes of errors after which the upstream may have done the work. */
export const UNKNOWN_OUTCOME_CODES: ReadonlySet<unknown> = new Set([
  'SAMEKEY_UNKNOWN_OUTCOME',
  'SAMEKEY_TIMEOUT',
  'SAMEKEY_BROKEN_RESPONSE',
]);
