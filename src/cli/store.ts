import type { Command } from 'commander';
import { schemaOf } from '../store/postgres.js';
import type { Store, StoreEntry } from '../store/store.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { print } from './output.js';
import { openStore, type StoreAddress } from './store-at.js';
import { recordJson, recordTable, recordView } from './store-view.js';
import { styleOf } from './terminal.js';

const DEFAULT_LIMIT = 100;

const HELP = `
A store is redis://HOST:PORT, rediss://…, postgres://USER@HOST/DATABASE or lmdb:PATH. Its client is
a package of its own: redis or ioredis, pg, lmdb.

Examples:
  samekey store ls --store redis://localhost:6379
  samekey store show ik_ba78… --store postgres://localhost/app --json
  samekey store evict ik_ba78… --store lmdb:./.samekey
  samekey store sql | psql app`;

type Flags = StoreAddress & { readonly json?: true; readonly limit?: string };

export function addStoreCommand(program: Command): void {
  const store = program
    .command('store')
    .description('look at the records of samekey/once, and take them away')
    .addHelpText('after', HELP);
  withAddress(store.command('ls'))
    .description('list records, in no order')
    .option('--limit <COUNT>', `records shown at most, ${DEFAULT_LIMIT} unless given`)
    .option('--json', 'print a line of JSON for each')
    .action(runList);
  withAddress(store.command('show'))
    .description('show a record')
    .argument('<KEY>')
    .option('--json', 'print one line of JSON')
    .action(runShow);
  withAddress(store.command('evict'))
    .description('take away a record that is not running')
    .argument('<KEY>')
    .action(runEvict);
  store
    .command('sql')
    .description('print what makes the table of the PostgreSQL store')
    .option('--table <NAME>', 'its name; samekey_records unless given')
    .action(async ({ table }: { readonly table?: string }) => print(schemaOf(table)));
}

function withAddress(command: Command): Command {
  return command
    .option('-s, --store <ADDRESS>', 'where the store is')
    .option('--prefix <TEXT>', 'of the keys in Redis; samekey: unless given')
    .option('--table <NAME>', 'in PostgreSQL; samekey_records unless given');
}

async function runList(flags: Flags): Promise<void> {
  const limit = toLimit(flags.limit);
  await withStore(flags, async (store) => {
    const style = styleOf(process.stdout);
    const { nowMs } = await store.read('ik_');
    const entries: StoreEntry[] = [];
    let left = limit;
    for await (const entry of store.list?.({ limit: limit + 1 }) ?? []) {
      if (left-- === 0) break;
      if (flags.json) await print(`${recordJson(entry, nowMs)}\n`);
      else entries.push(entry);
    }
    if (entries.length > 0) await print(recordTable(entries, nowMs, style));
    if (left < 0) process.stderr.write('samekey: there are more, see --limit\n');
  });
}

async function runShow(key: string, flags: Flags): Promise<void> {
  await withStore(flags, async (store) => {
    const { record, nowMs } = await store.read(key);
    if (record === undefined) throw new CliError(EXIT.no, `${key}: there is no such record`);
    const entry = { key, record };
    await print(
      flags.json
        ? `${recordJson(entry, nowMs)}\n`
        : recordView(entry, nowMs, styleOf(process.stdout)),
    );
  });
}

async function runEvict(key: string, flags: Flags): Promise<void> {
  await withStore(flags, async (store) => {
    if (await store.evict(key)) return print(`${key}: evicted\n`);
    const { record } = await store.read(key);
    throw new CliError(
      EXIT.no,
      record === undefined
        ? `${key}: there is no such record`
        : `${key}: it is running, wanted a record that is finished or whose lease has run out`,
    );
  });
}

/** Opens the store for one command. */
export async function withStore(
  flags: StoreAddress,
  act: (store: Store) => Promise<void>,
): Promise<void> {
  const { store, close } = await openStore(flags);
  try {
    await act(store);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof CliError) throw error;
    // It is the store that is to blame: its server, its table, what is in it.
    if (code === 'SAMEKEY_BAD_ARGUMENT') throw usageError(message);
    throw new CliError(EXIT.unreadable, message || String(error));
  } finally {
    await close();
  }
}

function toLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (limit > 0) return limit;
  throw usageError(`Cannot list ${text} records: wanted a whole number from 1`);
}
