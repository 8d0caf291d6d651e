import type { ClaimResult, Store } from '../../src/store/store.js';
import * as transition from '../../src/store/transition.js';

type StoredRecord = transition.StoredRecord;

/** The parts of a plain store: its rules, and how it stores records. Tests replace one of them. */
export interface PlainStoreParts {
  readonly rules: typeof transition;
  /** Runs between reading a record and writing it. */
  readonly pause: () => Promise<void> | undefined;
  /** Returns the record to store. */
  readonly keep: (record: StoredRecord) => StoredRecord;
  /** The place of a key's record. */
  readonly slot: (key: string) => string;
  readonly isTelling: boolean;
}

const SOUND: PlainStoreParts = {
  rules: transition,
  pause: () => undefined,
  keep: (record) => ({
    ...record,
    ...(record.payload && { payload: new Uint8Array(record.payload) }),
  }),
  slot: (key) => key,
  isTelling: true,
};

/** A minimal store, which tests break in one place at a time. */
export function plainStore(clock: () => number, parts: Partial<PlainStoreParts> = {}): Store {
  const { rules, pause, keep, slot, isTelling } = { ...SOUND, ...parts };
  const records = new Map<string, StoredRecord>();
  const watchers = new Map<string, Set<() => void>>();
  let highestToken = 0;

  /** One step: `decide` returns the reply and the record to store, or `undefined` to delete it. */
  async function change<T>(
    key: string,
    decide: (old: StoredRecord | undefined, nowMs: number) => [T, StoredRecord | undefined],
  ): Promise<T> {
    const nowMs = clock();
    const old = records.get(slot(key));
    const [answer, record] = decide(old, nowMs);
    const pausing = pause();
    if (pausing !== undefined) await pausing;
    if (record === old) return answer;
    if (record !== undefined) records.set(slot(key), keep(record));
    else {
      highestToken = Math.max(highestToken, old?.fencingToken ?? 0);
      records.delete(slot(key));
    }
    const isOver = record === undefined || transition.isUnknown(record, nowMs);
    if ((isOver || record?.state !== 'running') && isTelling) {
      for (const watcher of watchers.get(key) ?? []) watcher();
    }
    return answer;
  }

  return {
    name: 'plain',
    claim: (key, request) =>
      change<ClaimResult>(key, (old, nowMs) => {
        const record = rules.claimed(old, request, nowMs, highestToken);
        return record === undefined
          ? [{ claimed: false, record: rules.withoutFormer(old as StoredRecord), nowMs }, old]
          : [{ claimed: true, record: rules.withoutFormer(record), nowMs }, record];
      }),
    renew: (key, owner, leaseMs) =>
      change(key, (old, nowMs) => {
        const record = rules.renewed(old, owner, leaseMs, nowMs);
        return [record !== undefined, record ?? old];
      }),
    complete: (key, owner, completion) =>
      change(key, (old, nowMs) => {
        const record = rules.completed(old, owner, completion, nowMs);
        return [record !== undefined, record ?? old];
      }),
    release: (key, owner) =>
      change(key, (old, nowMs) =>
        old !== undefined && rules.isReleasable(old, owner, nowMs)
          ? [true, rules.restored(old, nowMs)]
          : [false, old],
      ),
    evict: (key) =>
      change(key, (old, nowMs) =>
        rules.isEvictable(old, nowMs) ? [true, undefined] : [false, old],
      ),
    async read(key) {
      const nowMs = clock();
      const record = rules.unexpired(records.get(slot(key)), nowMs);
      return { record: record && rules.withoutFormer(record), nowMs };
    },
    async watch(key, notify) {
      const own = () => notify();
      watchers.set(key, (watchers.get(key) ?? new Set()).add(own));
      return () => watchers.get(key)?.delete(own);
    },
    async close() {},
  };
}
