import { type Database, open } from 'lmdb';
import { quote } from '../../errors/errors.js';
import { hasPages } from './data-file.js';
import { type Anchor, MachineClock } from './machine-clock.js';
import { fs } from './node-fs.js';
import type { Opening } from './opening.js';
import type { RecordRow } from './record-row.js';

/** How many processes and threads can have the database open; each takes 64 bytes. */
const MAX_READERS = 4096;

interface Opened {
  readonly database: Database<RecordRow, string>;
  readonly machineClock: MachineClock | undefined;
}

/** Opens the database in a folder, which is created if needed, and the clock in it, if it is used. */
export function openDatabase(path: string, opening: Opening, hasMachineClock: boolean): Opened {
  try {
    requireDatabase(path);
    return opening.during(() => {
      const database = openEnvironment(path);
      if (!hasMachineClock) return { database, machineClock: undefined };
      const machineClock = new MachineClock(database as unknown as Database<Anchor, symbol>);
      try {
        // The first call may write.
        machineClock.nowMs();
      } catch (error) {
        database.close().catch(() => {});
        throw error;
      }
      return { database, machineClock };
    });
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function openEnvironment(path: string): Database<RecordRow, string> {
  return open<RecordRow, string>({
    path,
    noSubdir: false,
    useVersions: true,
    // An acknowledged write is on the disk. The alternative, waiting for `flushed`, took 11 ms
    // instead of 5 for a single write, and was not faster with four writing processes.
    overlappingSync: false,
    maxReaders: MAX_READERS,
    // Otherwise a failed commit, as on a full disk, also rejects a promise that no code can
    // catch.
    eventTurnBatching: false,
    // `GroupCommit` decides when a transaction starts. The types do not know this option.
    ...{ txnStartThreshold: Number.POSITIVE_INFINITY },
  });
}

/**
 * Returns the error for a database that cannot be opened; `cause` is the error of Node.js or LMDB.
 */
function cannotOpen(path: string, error: unknown): Error {
  const state = error instanceof Error ? error.message : String(error);
  const wanted =
    error instanceof UnusableFolder
      ? error.wanted
      : 'a folder on a disk of this machine that this process may write to';
  return Object.assign(
    new Error(`Cannot open the LMDB store at ${quote(path)}: ${state}, wanted ${wanted}`, {
      cause: error,
    }),
    { code: 'SAMEKEY_STORE' },
  );
}

/** A problem found before LMDB opens the database. */
class UnusableFolder extends Error {
  readonly wanted: string;

  constructor(state: string, wanted: string) {
    super(state);
    this.wanted = wanted;
  }
}

/**
 * LMDB ends the process without an error if its files are not its own, or if a new database does
 * not fit on the disk. These checks run first.
 */
function requireDatabase(path: string): void {
  const folder = fs.statSync(path, { throwIfNoEntry: false });
  if (folder === undefined) fs.mkdirSync(path, { recursive: true });
  else if (!folder.isDirectory()) throw new UnusableFolder('it is not a folder', 'one');
  const sizes = ['data.mdb', 'lock.mdb'].map((name) => {
    const found = fs.statSync(`${path}/${name}`, { throwIfNoEntry: false });
    if (found?.isFile() === false)
      throw new UnusableFolder(`its ${name} is not a file`, 'one that LMDB made, or none');
    return found?.size ?? 0;
  });
  if (sizes.includes(0)) requireFreeSpace(path);
  if (sizes[0] !== 0) requirePages(`${path}/data.mdb`);
}

/** The files of a new database need less than this. */
const NEW_DATABASE_BYTES = 512 * 1024;

function requireFreeSpace(path: string): void {
  const { bavail, blocks, bsize } = fs.statfsSync(path);
  const freeBytes = bavail * bsize;
  // Some file systems do not report their size.
  if (blocks > 0 && freeBytes < NEW_DATABASE_BYTES) {
    throw new UnusableFolder(
      `the disk has ${freeBytes} bytes left`,
      `${NEW_DATABASE_BYTES} or more`,
    );
  }
}

/** Retries, because another process may be creating the database, with one write of two pages. */
const MAX_READS = 100;

/** Throws unless the file begins like one of LMDB and contains the pages that it refers to. */
function requirePages(file: string): void {
  const descriptor = fs.openSync(file, 'r');
  try {
    let reading = 1;
    while (!hasPages(descriptor)) {
      if (reading++ < MAX_READS) continue;
      throw new UnusableFolder(
        'its data.mdb is not a database of LMDB, or is damaged',
        'one that LMDB wrote, or none',
      );
    }
  } finally {
    fs.closeSync(descriptor);
  }
}
