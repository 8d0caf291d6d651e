import type { Command } from 'commander';
import { dropBatch, dropItems } from '../batch/drop.js';
import { batchKey, batchOwner } from '../batch/item.js';
import { isKey } from '../index.js';
import type { Store } from '../store/store.js';
import { numberIn, PlanFolder } from './batch-files.js';
import { addStoreOption, DEFAULT_STORE } from './batch-plan.js';
import { CliError, EXIT } from './exit-codes.js';
import { print } from './output.js';
import { withStore } from './store.js';
import type { StoreAddress } from './store-at.js';
import { counted, printable } from './terminal.js';

const HELP = `
Gives back the requests of a plan whose files were never sent, or of a batch that failed as a whole:
the next plan has them. PLAN is the folder of the plan, whose files are removed, or the key of one batch
as samekey batch status --json prints it. What was sent, and is planned again, is billed again.

Examples:
  samekey batch drop tonight
  samekey batch drop ik_5ffb…`;

export function addDropCommand(batch: Command): void {
  addStoreOption(batch.command('drop'))
    .description('give back what was planned and will not be sent')
    .argument('<PLAN>')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runDrop);
}

type Flags = StoreAddress & { readonly json?: true };

async function runDrop(plan: string, flags: Flags): Promise<void> {
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const dropped = isKey(plan)
      ? await dropBatch(plan, { store }).catch(refused)
      : await dropPlan(plan, store);
    await print(
      flags.json
        ? `${JSON.stringify({ plan, dropped })}\n`
        : `${counted(dropped, 'request')} given back\n`,
    );
  });
}

async function dropPlan(path: string, store: Store): Promise<number> {
  const folder = new PlanFolder(path);
  const before = await folder.read();
  if (before === undefined)
    throw new CliError(EXIT.no, `${printable(path)}: there is no plan in it`);
  const [first] = before.files;
  if (before.state === 'planned' && first !== undefined) {
    const key = batchKey(batchOwner(before.runs.at(-1) as string, numberIn(first)));
    if ((await store.read(key)).record === undefined) {
      const what = 'its batches are not in this store, wanted the --store that it was planned with';
      throw new CliError(EXIT.no, `${printable(path)}: ${what}`);
    }
  }
  // As one that was broken off, so that nobody sends its files from here on.
  const { runs } = await folder.begin({ isAnew: true });
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

function refused(error: Error & { readonly code?: string }): never {
  throw error.code === 'SAMEKEY_IN_PROGRESS' ? new CliError(EXIT.no, error.message) : error;
}
