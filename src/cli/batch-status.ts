import type { Command } from 'commander';
import { type BatchState, batchStateOf, type CreatedBatch } from '../batch/in-progress.js';
import { batchKey, readOwner } from '../batch/item.js';
import { isUnchecked, isUnreadable, storedOutcome } from '../batch/stored-item.js';
import type { EncryptedCodec } from '../once/index.js';
import type { Store, StoreRecord } from '../store/store.js';
import { counted, grouped } from '../text/counted.js';
import { addStoreOption, DEFAULT_STORE } from './batch-requests.js';
import {
  addEncryptionOptions,
  type EncryptionFlags,
  encryptionOf,
  uncheckedText,
} from './encryption-keys.js';
import type { StoreAddress } from './open-store.js';
import { print } from './output.js';
import { withStore } from './store.js';

/** How many of the latest batches the text output lists. */
const SHOWN_BATCHES = 20;

interface Totals {
  waiting: number;
  succeeded: number;
  failed: number;
  /** Results that cannot be read. */
  unreadable: number;
  /** How many of those that succeeded or failed are encrypted, and not checked without keys. */
  unchecked: number;
}

const noTotals = (): Totals => ({
  waiting: 0,
  succeeded: 0,
  failed: 0,
  unreadable: 0,
  unchecked: 0,
});

const HELP = `
Encrypted results are checked with the keys of --encrypt-env or --encrypt-file.
Without keys they count as results.`;

type Flags = StoreAddress & EncryptionFlags & { readonly json?: true };

/** The counts of one batch, identified by the owner of its items. */
interface BatchCounts extends Totals {
  readonly owner: string;
  plannedAtMs: number;
}

export function addStatusCommand(batch: Command): void {
  addEncryptionOptions(addStoreOption(batch.command('status')))
    .description('count planned requests and results')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runStatus);
}

async function runStatus(flags: Flags): Promise<void> {
  const codec = await encryptionOf(flags);
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const { totals, byOwner } = await count(store, codec);
    const batches = await Promise.all(
      [...byOwner.values()]
        .sort((a, b) => b.plannedAtMs - a.plannedAtMs)
        .map(async ({ owner, plannedAtMs, ...counts }) => {
          const key = batchKey(owner);
          const { record, nowMs } = await store.read(key);
          const { state, created } = batchStateOf(record, nowMs);
          return {
            key,
            state: shownState(state, created, counts),
            id: created?.id ?? undefined,
            plannedAt: new Date(plannedAtMs).toISOString(),
            ...counts,
          };
        }),
    );
    if (flags.json) return print(`${JSON.stringify({ ...totals, batches })}\n`);
    const { waiting, succeeded, failed, unreadable, unchecked } = totals;
    const lines = batches.slice(0, SHOWN_BATCHES).map(({ state, id, plannedAt, ...counts }) => {
      const done = counts.succeeded + counts.failed + counts.unreadable;
      const all = grouped(done + counts.waiting);
      return `  ${plannedAt}  ${state.padEnd(8)}  ${grouped(done)} of ${all} with a result${id === undefined ? '' : `  ${id}`}`;
    });
    const hiddenCount = batches.length - lines.length;
    await print(
      [
        `${counted(waiting, 'request')} without a result, ${grouped(succeeded)} with one${failed > 0 ? `, ${grouped(failed)} with a stored error` : ''}${uncheckedText(unchecked)}${unreadable > 0 ? `, ${grouped(unreadable)} with a result that cannot be read` : ''}`,
        ...lines,
        ...(hiddenCount > 0
          ? [`  and ${counted(hiddenCount, 'earlier batch', 'earlier batches')}`]
          : []),
        '',
      ].join('\n'),
    );
  });
}

/**
 * The state of a batch to show. A batch in a file has no id, since a person sends it: it counts as
 * `planned` until the first of its results is recorded, and as `sent` from then on.
 */
function shownState(
  state: BatchState,
  created: CreatedBatch | undefined,
  { succeeded, failed, unreadable }: Totals,
): BatchState | 'sent' {
  if (state !== 'created' || created?.id) return state;
  return succeeded + failed + unreadable > 0 ? 'sent' : 'planned';
}

const ITEM = /^batch:ik_[0-9a-f]{32}$/;

/** Counts in one pass over the store, with one set of counters per batch. */
async function count(
  store: Store,
  codec: EncryptedCodec | undefined,
): Promise<{ totals: Totals; byOwner: Map<string, BatchCounts> }> {
  const totals = noTotals();
  const byOwner = new Map<string, BatchCounts>();
  for await (const { key, record } of store.list?.() ?? []) {
    if (!ITEM.test(key)) continue;
    const name = await countOf(key, record, codec);
    const isUncheckedOne = isUnchecked(record, codec);
    totals[name]++;
    if (isUncheckedOne) totals.unchecked++;
    const owner = readOwner(record.owner)?.batch;
    if (owner === undefined) continue;
    let batch = byOwner.get(owner);
    if (batch === undefined) {
      batch = { owner, plannedAtMs: record.claimedAtMs, ...noTotals() };
      byOwner.set(owner, batch);
    }
    batch[name]++;
    if (isUncheckedOne) batch.unchecked++;
    batch.plannedAtMs = Math.min(batch.plannedAtMs, record.claimedAtMs);
  }
  return { totals, byOwner };
}

async function countOf(
  key: string,
  record: StoreRecord,
  codec: EncryptedCodec | undefined,
): Promise<'waiting' | 'succeeded' | 'failed' | 'unreadable'> {
  if (record.state === 'running') return 'waiting';
  if (!isUnchecked(record, codec) && isUnreadable(await storedOutcome(key, record, codec))) {
    return 'unreadable';
  }
  return record.state === 'done' ? 'succeeded' : 'failed';
}
