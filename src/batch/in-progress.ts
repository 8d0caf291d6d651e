import { decoder } from '../engine/utf8.js';
import { jsonCodec } from '../once/codec.js';
import type { Codec } from '../once/index.js';
import type { Store, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { batchKey } from './item.js';
import type { BatchProvider } from './request.js';

/** What is kept of a batch that was created. */
export interface CreatedBatch {
  /** The provider's; `null` if the batch was handed over as a file. */
  readonly id: string | null;
  readonly provider: BatchProvider;
  readonly itemCount: number;
}

/** JSON by a name of its own, by which records of batches are known among others. */
export const batchCodec: Codec = { ...jsonCodec, name: 'batch' };

/** What became of a batch, as far as the store knows. */
export type BatchState =
  /** It was planned, and has not been created yet. */
  | 'planned'
  /** It is being created right now. */
  | 'creating'
  /** It was created, and its id is known unless somebody created it by hand. */
  | 'created'
  /** Nobody knows whether it was created: see `settleBatch`. */
  | 'unknown';

/** A batch of another plan, in which there are items of this one. */
export interface UnderwayBatch {
  readonly key: string;
  readonly provider: BatchProvider;
  readonly state: BatchState;
  /** The provider's, if it is known. */
  readonly batchId: string | undefined;
  readonly plannedAtMs: number;
  /** Items of this plan that are in it, by their keys and by their ids in it. */
  readonly ids: readonly string[];
  readonly customIds: readonly string[];
}

export interface UnderwayItem {
  readonly id: string;
  readonly customId: string;
  readonly claimedAtMs: number;
}

/** What the record of a batch says. */
export function batchStateOf(
  record: StoreRecord | undefined,
  nowMs: number,
): { readonly state: BatchState; readonly created: CreatedBatch | undefined } {
  const created = record && createdIn(record);
  if (created !== undefined) return { state: 'created', created };
  if (record === undefined) return { state: 'planned', created };
  return { state: isUnknown(record, nowMs) ? 'unknown' : 'creating', created };
}

export function createdIn({ state, codec, payload }: StoreRecord): CreatedBatch | undefined {
  if (state !== 'done' || codec !== batchCodec.name || payload === undefined) return undefined;
  return JSON.parse(decoder.decode(payload));
}

/** Looks at the batch that belongs to `owner`, in which some items are. */
export async function lookAtBatch(
  store: Store,
  provider: BatchProvider,
  owner: string,
  items: readonly UnderwayItem[],
): Promise<UnderwayBatch> {
  const key = batchKey(owner);
  const { record, nowMs } = await store.read(key);
  const { state, created } = batchStateOf(record, nowMs);
  return {
    key,
    provider,
    state,
    batchId: created?.id ?? undefined,
    plannedAtMs: Math.min(...items.map(({ claimedAtMs }) => claimedAtMs)),
    ids: items.map(({ id }) => id),
    customIds: items.map(({ customId }) => customId),
  };
}
