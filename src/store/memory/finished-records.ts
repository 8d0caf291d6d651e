import type { StoreRecord } from '../store.js';

/** The finished records of a memory store by key, from the oldest to the newest. */
export class FinishedRecords {
  /** A `Map` keeps the order in which its keys were added, and needs no links between records. */
  readonly #byKey = new Map<string, StoreRecord>();
  readonly #onDelete: (record: StoreRecord) => void;
  #byteCount = 0;
  /** Behind the oldest record. A new iterator would pass again what was deleted before it. */
  #byAge = this.#byKey.entries();
  #oldest: readonly [key: string, record: StoreRecord] | undefined;
  /** How many records were added since the iterator began. */
  #addedCount = 0;

  constructor(onDelete: (record: StoreRecord) => void) {
    this.#onDelete = onDelete;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The bytes of all payloads; an empty one counts as one byte. */
  get byteCount(): number {
    return this.#byteCount;
  }

  get(key: string): StoreRecord | undefined {
    return this.#byKey.get(key);
  }

  get oldest(): StoreRecord | undefined {
    return this.#oldestEntry()?.[1];
  }

  /** Returns whether there was a record. */
  deleteOldest(): boolean {
    const oldest = this.#oldestEntry();
    if (oldest === undefined) return false;
    this.#delete(...oldest);
    return true;
  }

  /** Adds the newest record, in place of an older one of the key. */
  add(key: string, record: StoreRecord): void {
    this.delete(key);
    this.#byKey.set(key, record);
    this.#byteCount += bytesOf(record);
    // V8 keeps all tables that a map has outgrown since the last step of an iterator.
    if (2 * ++this.#addedCount > this.#byKey.size) this.#begin();
  }

  delete(key: string): void {
    const record = this.#byKey.get(key);
    if (record !== undefined) this.#delete(key, record);
  }

  [Symbol.iterator](): Iterator<[string, StoreRecord]> {
    return this.#byKey.entries();
  }

  #delete(key: string, record: StoreRecord): void {
    this.#byKey.delete(key);
    this.#byteCount -= bytesOf(record);
    if (record === this.#oldest?.[1]) this.#oldest = undefined;
    this.#onDelete(record);
  }

  #oldestEntry() {
    if (this.#oldest === undefined) {
      let next = this.#byAge.next();
      if (next.done) {
        this.#begin();
        next = this.#byAge.next();
      }
      this.#oldest = next.done ? undefined : next.value;
    }
    return this.#oldest;
  }

  #begin(): void {
    this.#byAge = this.#byKey.entries();
    this.#oldest = undefined;
    this.#addedCount = 0;
  }
}

const bytesOf = ({ payload }: StoreRecord): number => Math.max(1, (payload as Uint8Array).length);
