import type { ClaimRequest, Completion } from '../../src/store/store.js';

/** A claim that takes only a free key, but for what is its own. */
export const request = (owner: string, own: Partial<ClaimRequest> = {}): ClaimRequest => ({
  owner,
  leaseMs: 60_000,
  ttlMs: 60_000,
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
  ...own,
});

/** A result that is a text. */
export const completion = (text: string): Completion => ({
  state: 'done',
  codec: 'text',
  payload: new TextEncoder().encode(text),
  ttlMs: 60_000,
});

/** A result that is an empty object. */
export const outcome = {
  state: 'done',
  codec: 'json',
  payload: Uint8Array.of(123, 125),
  ttlMs: 60_000,
} as const satisfies Completion;
