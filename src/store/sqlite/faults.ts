import type { SamekeyErrorCode } from '../../errors/errors.js';

/** The primary result codes of SQLite that have a meaning here. https://sqlite.org/rescode.html */
const NAMES: Readonly<Record<number, string>> = {
  5: 'BUSY',
  6: 'LOCKED',
  8: 'READONLY',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  18: 'TOOBIG',
  26: 'NOTADB',
};

interface SqliteError {
  readonly message?: unknown;
  /** `SQLITE_BUSY_SNAPSHOT`, of every driver but two. */
  readonly code?: unknown;
  /** The extended result code, of `node:sqlite`. */
  readonly errcode?: unknown;
}

/** Returns the name of the result code, such as `BUSY`, or '' for any other error. */
function nameOfResult(error: SqliteError): string {
  const { code, errcode, message } = error;
  if (typeof errcode === 'number') return NAMES[errcode & 0xff] ?? '';
  // D1 only has it in the text.
  const [, name = ''] = /\bSQLITE_([A-Z]+)/.exec(`${String(code)} ${String(message)}`) ?? [];
  return name;
}

/** Whether another connection has the lock, so that the statement can be sent again. */
export function isBusy(error: unknown): boolean {
  const name = nameOfResult(error as SqliteError);
  return name === 'BUSY' || name === 'LOCKED';
}

/** The state of the database and what is wanted, by the result code. */
const STATES: Readonly<Record<string, readonly [state: string, wanted: string]>> = {
  BUSY: ['another process or connection holds its lock', 'transactions that end within seconds'],
  LOCKED: ['another connection holds its lock', 'transactions that end within seconds'],
  READONLY: ['it is read-only', 'a file and a folder that this process may write to'],
  CORRUPT: ['it is damaged', 'a copy from before'],
  FULL: ['the disk or the database is full', 'more space, or a larger max_page_count'],
  CANTOPEN: ['the file cannot be opened', 'a path in a folder that this process may write to'],
  NOTADB: ['the file is not a database of SQLite', 'one that SQLite wrote, or none'],
};

/** Returns the state of the database in words, and what is wanted. */
function describe(error: unknown): string {
  const { message, cause } = (error ?? {}) as { message?: unknown; cause?: { message?: unknown } };
  const [state, wanted] = STATES[nameOfResult((error ?? {}) as SqliteError)] ?? [];
  const text = String(message || error);
  // `fetch failed` has its reason in the cause.
  const reason =
    cause?.message && !text.includes(String(cause.message)) ? `: ${cause.message}` : '';
  const original = `${text}${reason}`.replaceAll(/\s+/g, ' ');
  return state === undefined ? original : `${state} (${original}), wanted ${wanted}`;
}

export function storeError(
  code: SamekeyErrorCode,
  message: string,
  cause: unknown,
  Class: new (message: string, options: ErrorOptions) => Error = Error,
): Error {
  return Object.assign(new Class(message, { cause }), { code });
}

/** Returns the error of the store for an error of a driver. */
export function toStoreError(error: unknown, table: string): Error {
  if (nameOfResult((error ?? {}) as SqliteError) === 'TOOBIG') {
    const message = `Cannot store the result in SQLite: it is too large for a row, wanted a smaller one`;
    return storeError('SAMEKEY_STORE_FULL', message, error, RangeError);
  }
  if (/no such table/.test(String((error as SqliteError | undefined)?.message))) {
    const message = `Cannot use the table ${table}: it is not there any more, wanted the table that the store made at its first use`;
    return storeError('SAMEKEY_NO_TABLE', message, error, ReferenceError);
  }
  return storeError('SAMEKEY_STORE', `Cannot use the SQLite store: ${describe(error)}`, error);
}

/** Returns the error for a file that cannot be opened. */
export function cannotOpen(path: string, error: unknown): Error {
  const message = `Cannot open the SQLite store at ${JSON.stringify(path)}: ${describe(error)}`;
  return storeError('SAMEKEY_STORE', message, error);
}
