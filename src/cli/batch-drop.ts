import type { Command } from 'commander';
import { dropBatch, dropItems } from '../batch/drop.js';
import { batchKey, batchOwner } from '../batch/item.js';
import { isKey } from '../index.js';
import type { Store } from '../store/store.js';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { numberIn, PlanFolder } from './batch-files.js';
import { addStoreOption, DEFAULT_STORE } from './batch-requests.js';
import { CliError, EXIT } from './exit-codes.js';
import type { StoreAddress } from './open-store.js';
import { print } from './output.js';
import { withStore } from './store.js';

const HELP = `
Releases the requests of a plan whose files were not sent, or of a batch that
failed as a whole, so that the next plan contains them. PLAN is the folder of a
plan, whose files are deleted, or the key of one batch from samekey batch status
--json. If a batch was sent, sending its requests again is billed again.

Examples:
  samekey batch drop tonight
  samekey batch drop ik_5ffb…`;

export function addDropCommand(batch: Command): void {
  addStoreOption(batch.command('drop'))
    .description('release the requests of a plan that will not be sent')
    .argument('<PLAN>', 'the folder of a plan, or the key of a batch')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runDrop);
}

type Flags = StoreAddress & { readonly json?: true };

async function runDrop(plan: string, flags: Flags): Promise<void> {
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const dropped = isKey(plan)
      ? await dropBatch(plan, { store }).catch(rethrow)
      : await dropPlan(plan, store);
    await print(
      flags.json
        ? `${JSON.stringify({ plan, dropped })}\n`
        : `${counted(dropped, 'request')} released\n`,
    );
  });
}

async function dropPlan(path: string, store: Store): Promise<number> {
  const folder = new PlanFolder(path);
  const before = await folder.read();
  if (before === undefined) {
    throw new CliError(EXIT.no, `${printable(path)}: it contains no plan`);
  }
  const [first] = before.files;
  if (before.state === 'planned' && first !== undefined) {
    const key = batchKey(batchOwner(before.runs.at(-1) as string, numberIn(first)));
    if ((await store.read(key)).record === undefined) {
      const reason =
        'its batches are not in this store, wanted the --store that it was planned with';
      throw new CliError(EXIT.no, `${printable(path)}: ${reason}`);
    }
  }
  // This marks the plan as unfinished and deletes its files, so that they cannot be sent.
  const { runs } = await folder.begin({ restart: true });
  const batches = new Set<string>();
  const count = await dropItems(store, ({ run, batch }) => {
    if (!runs.includes(run)) return false;
    batches.add(batch);
    return true;
  });
  for (const batch of batches) await store.evict(batchKey(batch));
  await folder.remove();
  return count;
}

function rethrow(error: Error & { readonly code?: string }): never {
  throw error.code === 'SAMEKEY_IN_PROGRESS' ? new CliError(EXIT.no, error.message) : error;
}
