import { type Command, Option } from 'commander';
import { schemaOf as mysqlSchema } from '../store/mysql.js';
import { DEFAULT_TABLE } from '../store/postgres/statements.js';
import { schemaOf as postgresSchema } from '../store/postgres.js';
import { schemaOf as sqliteSchema } from '../store/sqlite.js';
import type { Store, StoreEntry } from '../store/store.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { addStoreNameFlags, openStore, type StoreAddress } from './open-store.js';
import { print } from './output.js';
import { recordJson, recordTable, recordView } from './store-view.js';
import { styleOf } from './terminal.js';

const DEFAULT_LIMIT = 100;

const HELP = `
A store is redis://HOST:PORT, rediss://…, postgres://USER@HOST/DATABASE,
mysql://USER@HOST/DATABASE, lmdb:PATH, sqlite:PATH, upstash:https://HOST or
dynamodb:TABLE. It needs the package of its client: redis or ioredis, pg, mysql2,
lmdb, @upstash/redis or @aws-sdk/client-dynamodb. SQLite needs libsql or
better-sqlite3 before Node.js 22.13. The token of Upstash is read from the
variable UPSTASH_REDIS_REST_TOKEN, the region and the credentials of DynamoDB
from the variables and files of AWS.

Examples:
  samekey store ls --store redis://localhost:6379
  samekey store show ik_ba78… --store postgres://localhost/app --json
  samekey store evict ik_ba78… --store lmdb:./.samekey
  samekey store sql | psql app
  samekey store sql --dialect mysql | mariadb app`;

type Flags = StoreAddress & { readonly json?: true; readonly limit?: string };

export function addStoreCommand(program: Command): void {
  const store = program
    .command('store')
    .description('list, show and delete the records of samekey/once')
    .addHelpText('after', HELP);
  withAddress(store.command('ls'))
    .description('list records, in any order')
    .option('--limit <COUNT>', `maximum number of records (default: ${DEFAULT_LIMIT})`)
    .option('--json', 'print one line of JSON per record')
    .action(runList);
  withAddress(store.command('show'))
    .description('show a record')
    .argument('<KEY>')
    .option('--json', 'print one line of JSON')
    .action(runShow);
  withAddress(store.command('evict'))
    .description('delete a record that is not running')
    .argument('<KEY>')
    .action(runEvict);
  store
    .command('sql')
    .description('print the SQL that creates the table of a store')
    .addOption(
      new Option('--dialect <NAME>', 'the database of the store')
        .choices(Object.keys(SCHEMAS))
        .default('postgres'),
    )
    .option('--table <NAME>', `name of the table (default: ${DEFAULT_TABLE})`)
    .action(async ({ dialect, table }: { dialect: keyof typeof SCHEMAS; table?: string }) => {
      await print(SCHEMAS[dialect](table));
    });
}

/** How each store creates its table. */
const SCHEMAS = { postgres: postgresSchema, mysql: mysqlSchema, sqlite: sqliteSchema };

function withAddress(command: Command): Command {
  return addStoreNameFlags(command.option('-s, --store <ADDRESS>', 'the store'));
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
    if (left < 0) process.stderr.write('samekey: there are more records, see --limit\n');
  });
}

async function runShow(key: string, flags: Flags): Promise<void> {
  await withStore(flags, async (store) => {
    const { record, nowMs } = await store.read(key);
    if (record === undefined) throw new CliError(EXIT.no, `${key}: no such record`);
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
        ? `${key}: no such record`
        : `${key}: it is running, wanted a record that is finished or whose lease has expired`,
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
    // The cause is the store: its server, its table or its content.
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
