/** Request headers for samekey alone. They are not sent upstream. */
export const FRESH = 'samekey-fresh';
export const SAMPLE = 'samekey-sample';
export const SCOPE = 'samekey-scope';
export const OWN_HEADERS = [FRESH, SAMPLE, SCOPE] as const;
