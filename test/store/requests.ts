import type { ClaimRequest, Completion } from '../../src/store/store.js';

/** A claim that takes only a free key. */
export const request = (owner: string): ClaimRequest => ({
  owner,
  leaseMs: 60_000,
  ttlMs: 60_000,
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
});

/** A result that is a text. */
export const completion = (text: string): Completion => ({
  state: 'done',
  codec: 'text',
  payload: new TextEncoder().encode(text),
  ttlMs: 60_000,
});
