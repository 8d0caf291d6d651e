import type { StoreEntry, StoreRecord } from './store.js';

/** Returns the entry of a list without payloads. `byteCount` is what the database says of the payload. */
export function headEntry(key: string, record: StoreRecord, byteCount: unknown): StoreEntry {
  const payloadBytes = record.state === 'running' ? undefined : Number(byteCount ?? 0);
  return { key, record: { ...record, payload: undefined }, payloadBytes };
}
