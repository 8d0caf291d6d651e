import { decoder } from '../engine/utf8.js';
import { fail } from '../errors/errors.js';
import { jsonCodec, type OwnCodec } from '../once/codec.js';
import type { Store, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { batchKey } from './item.js';
import type { BatchProvider } from './request.js';

/** The content of a created batch's record. */
export interface CreatedBatch {
  /** The provider's id; `null` for a batch that was written to a file, which a person sends. */
  readonly id: string | null;
  readonly provider: BatchProvider;
  readonly itemCount: number;
}

/** JSON under its own codec name, which tells records of batches from other records. */
export const batchCodec: OwnCodec = { ...jsonCodec, name: 'batch', isOwn: true };

/** The state of a batch, as far as the store knows. */
export type BatchState =
  /** It is planned, and its creation has not begun. */
  | 'planned'
  /** A process is creating it now. */
  | 'creating'
  /** It was created. Its id is known unless a person sent it. */
  | 'created'
  /** Its creation was interrupted, and may have succeeded: see `settleBatch`. */
  | 'unknown';

/** A batch of another plan that contains requests of this one. */
export interface InProgressBatch {
  /** The key of the batch, for `settleBatch` and `dropBatch`. */
  readonly key: string;
  /** The provider that the batch is for. */
  readonly provider: BatchProvider;
  /** How far its creation is. */
  readonly state: BatchState;
  /** The provider's id of the batch, if it is known. */
  readonly batchId: string | undefined;
  /** When the earliest of the shared requests was claimed, in milliseconds since 1970. */
  readonly plannedAtMs: number;
  /** The keys of the requests that this plan shares with the batch. */
  readonly ids: readonly string[];
  /** The `custom_id`s of these requests in the batch, in the order of `ids`. */
  readonly customIds: readonly string[];
}

/** An item that is in a batch of another plan. */
export interface ItemInProgress {
  readonly id: string;
  readonly customId: string;
  readonly claimedAtMs: number;
}

/** Reads the state of a batch from its record. */
export function batchStateOf(
  record: StoreRecord | undefined,
  nowMs: number,
): { readonly state: BatchState; readonly created: CreatedBatch | undefined } {
  const created = record && createdBatchIn(record);
  if (created !== undefined) return { state: 'created', created };
  if (record === undefined) return { state: 'planned', created };
  return { state: isUnknown(record, nowMs) ? 'unknown' : 'creating', created };
}

function createdBatchIn({ state, codec, payload }: StoreRecord): CreatedBatch | undefined {
  if (state !== 'done' || codec !== batchCodec.name || payload === undefined) return undefined;
  try {
    const created: unknown = JSON.parse(decoder.decode(payload));
    if (typeof created === 'object' && created !== null) return created as CreatedBatch;
  } catch {
    // Reported below.
  }
  return fail(
    Error,
    'SAMEKEY_STORE',
    'Cannot read the record of a batch: it is damaged, wanted a record that createBatches wrote',
  );
}

/** Reads the batch of `owner`, which contains `items`. */
export async function readInProgressBatch(
  store: Store,
  provider: BatchProvider,
  owner: string,
  items: readonly ItemInProgress[],
): Promise<InProgressBatch> {
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
