import { builtinModule } from '../../engine/builtin-module.js';
import { quote } from '../../errors/errors.js';
import { type LocalDriver, type SqliteDatabase, toDriver } from './driver.js';
import { cannotOpen, isBusy, storeError } from './faults.js';

interface NodeSqlite {
  DatabaseSync: new (path: string) => SqliteDatabase;
}
interface BunSqlite {
  Database: new (path: string, options: { create: boolean }) => SqliteDatabase;
}

/**
 * How long SQLite itself waits for a lock, which blocks the thread: longer than the commit of
 * another process usually takes. After that the store waits, and the thread is free.
 */
const BLOCKING_WAIT_MS = 10;
/** The same while a file is opened, which another process may be making: that takes milliseconds. */
const OPENING_WAIT_MS = 1000;

/** Opens a file with the SQLite of the platform. */
export function openFile(path: string): LocalDriver {
  const database = open(path);
  const driver = toDriver(database) as LocalDriver;
  try {
    prepareFile(driver);
  } catch (error) {
    driver.close();
    throw cannotOpen(path, error);
  }
  return driver;
}

/**
 * Sets the modes of a file. With WAL, readers and the writer do not wait for each other. An acknowledged
 * write is on the disk: some builds of SQLite only promise that in mode FULL.
 */
export function prepareFile(database: { exec(sql: string): unknown }): void {
  database.exec(`PRAGMA busy_timeout = ${OPENING_WAIT_MS}`);
  // A member of the connection, and no write may come before it.
  database.exec('PRAGMA synchronous = FULL');
  try {
    database.exec('PRAGMA journal_mode = WAL');
  } catch (error) {
    // The mode is a member of the file, which another process is making.
    if (!isBusy(error)) throw error;
  }
  database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
}

/**
 * Prepares a connection to a file that must stay as it is, and returns whether the file has the table: the
 * mode of the file is not changed.
 */
export function prepareExisting(database: SqliteDatabase, table: string): boolean {
  const driver = toDriver(database) as LocalDriver;
  driver.exec(`PRAGMA busy_timeout = ${OPENING_WAIT_MS}`);
  driver.exec('PRAGMA synchronous = FULL');
  const found = driver.all('SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE', [table]);
  driver.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
  return found.length > 0;
}

function open(path: string): SqliteDatabase {
  const node = builtinModule<NodeSqlite>('node:sqlite');
  const bun = node === undefined ? builtinModule<BunSqlite>('bun:sqlite') : undefined;
  try {
    if (node !== undefined) return new node.DatabaseSync(path);
    if (bun !== undefined) return new bun.Database(path, { create: true });
  } catch (error) {
    throw cannotOpen(path, error);
  }
  throw storeError(
    'SAMEKEY_STORE',
    `Cannot open the SQLite store at ${quote(path)}: this runtime has no SQLite of its own, wanted Node.js 22.13 or newer, Bun or Deno, or the option database with a database of better-sqlite3 or libsql`,
    undefined,
  );
}
