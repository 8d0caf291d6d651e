import type { Store } from '../../src/store/store.js';
import { request } from '../store/requests.js';

const HOUR_MS = 3_600_000;

interface Content {
  readonly state?: 'done' | 'failed' | 'running' | 'unknown';
  readonly codec?: string;
  readonly payload?: Uint8Array;
}

/** Puts a record into a store. */
export async function put(
  store: Store,
  key: string,
  { state = 'done', codec = 'json', payload = new TextEncoder().encode('{"a":1}') }: Content = {},
): Promise<void> {
  const leaseMs = state === 'unknown' ? 1 : HOUR_MS;
  await store.claim(key, request(`owner of ${key}`, { leaseMs, ttlMs: HOUR_MS, fingerprint: 'f' }));
  if (state !== 'done' && state !== 'failed') return;
  await store.complete(key, `owner of ${key}`, { state, codec, payload, ttlMs: HOUR_MS });
}

/** The payload of a stored HTTP response. */
export function responsePayload(
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | string,
): Uint8Array {
  const head = Buffer.from(
    JSON.stringify({ status: 200, statusText: 'OK', url: 'https://api/', headers }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return new Uint8Array(Buffer.concat([length, head, Buffer.from(body as string)]));
}

/** A key of samekey with this number. */
export const keyNumber = (number: number) => `ik_${number.toString(16).padStart(32, '0')}`;
