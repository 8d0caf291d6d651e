import type { Command } from 'commander';
import { type BatchState, batchStateOf, type CreatedBatch } from '../batch/in-progress.js';
import { batchKey, readOwner } from '../batch/item.js';
import type { Store } from '../store/store.js';
import { counted, grouped } from '../text/counted.js';
import { addStoreOption, DEFAULT_STORE } from './batch-requests.js';
import type { StoreAddress } from './open-store.js';
import { print } from './output.js';
import { withStore } from './store.js';

/** How many of the latest batches the text output lists. */
const SHOWN_BATCHES = 20;

interface Totals {
  waiting: number;
  succeeded: number;
  failed: number;
}

/** The counts of one batch, identified by the owner of its items. */
interface BatchCounts extends Totals {
  readonly owner: string;
  plannedAtMs: number;
}

export function addStatusCommand(batch: Command): void {
  addStoreOption(batch.command('status'))
    .description('count planned requests and results')
    .option('--json', 'print one line of JSON')
    .action(runStatus);
}

async function runStatus(flags: StoreAddress & { readonly json?: true }): Promise<void> {
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const { totals, byOwner } = await count(store);
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
    const { waiting, succeeded, failed } = totals;
    const lines = batches.slice(0, SHOWN_BATCHES).map(({ state, id, plannedAt, ...counts }) => {
      const done = counts.succeeded + counts.failed;
      const all = grouped(done + counts.waiting);
      return `  ${plannedAt}  ${state.padEnd(8)}  ${grouped(done)} of ${all} with a result${id === undefined ? '' : `  ${id}`}`;
    });
    const hiddenCount = batches.length - lines.length;
    await print(
      [
        `${counted(waiting, 'request')} without a result, ${grouped(succeeded)} with one${failed > 0 ? `, ${grouped(failed)} with a stored error` : ''}`,
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
  { succeeded, failed }: Totals,
): BatchState | 'sent' {
  if (state !== 'created' || created?.id) return state;
  return succeeded + failed > 0 ? 'sent' : 'planned';
}

const ITEM = /^batch:ik_[0-9a-f]{32}$/;

/** Counts in one pass over the store, with one set of counters per batch. */
async function count(store: Store): Promise<{ totals: Totals; byOwner: Map<string, BatchCounts> }> {
  const totals: Totals = { waiting: 0, succeeded: 0, failed: 0 };
  const byOwner = new Map<string, BatchCounts>();
  for await (const { key, record } of store.list?.() ?? []) {
    if (!ITEM.test(key)) continue;
    const name = ({ running: 'waiting', done: 'succeeded', failed: 'failed' } as const)[
      record.state
    ];
    totals[name]++;
    const owner = readOwner(record.owner)?.batch;
    if (owner === undefined) continue;
    let batch = byOwner.get(owner);
    if (batch === undefined) {
      batch = { owner, plannedAtMs: record.claimedAtMs, waiting: 0, succeeded: 0, failed: 0 };
      byOwner.set(owner, batch);
    }
    batch[name]++;
    batch.plannedAtMs = Math.min(batch.plannedAtMs, record.claimedAtMs);
  }
  return { totals, byOwner };
}
