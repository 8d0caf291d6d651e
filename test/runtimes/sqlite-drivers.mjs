/** How a program opens `samekey/store/sqlite` with each driver of a file, as text of the program. */
import path from 'node:path';
import { installed, ROOT } from './project.mjs';

/** What `openSqlite` needs. */
export const SQLITE_IMPORTS = `
import { sqliteStore } from 'samekey/store/sqlite';
const withSettings = async (database) => {
  for (;;) {
    try {
      for (const setting of ['busy_timeout = 10', 'synchronous = FULL', 'journal_mode = WAL'])
        database.exec('PRAGMA ' + setting);
      return sqliteStore({ database });
    } catch (error) {
      // Another process is making the same file.
      if (!/locked/.test(error.message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
};
`;

/** A package that is a class by its default export. @param {string} file */
const packaged = (file) => `async (path) =>
  withSettings(new (await import(${JSON.stringify(file)})).default(path, { timeout: 10 }))`;

/** @type {Readonly<Record<string, string>>} */
const OPEN = {
  'node:sqlite': 'async (path) => sqliteStore({ path })',
  'bun:sqlite': `async (path) => withSettings(new (await import('bun:sqlite')).Database(path))`,
  'better-sqlite3': packaged(installed('better-sqlite3/lib/index.js')),
  libsql: packaged(path.join(ROOT, 'node_modules/libsql/index.js')),
};

/**
 * Returns the text of a function that opens a store in a file.
 *
 * @param {string} driver
 * @param {string} file
 */
export const openSqlite = (driver, file) =>
  `() => (${OPEN[driver]})(${JSON.stringify(file.replace(':', '-'))})`;
