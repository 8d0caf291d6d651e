import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@libsql/client';
import Database from 'libsql';
import { afterAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { type SqliteDatabase, sqliteStore } from '../../../src/store/sqlite.js';

const folder = mkdtempSync(join(tmpdir(), 'samekey-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Drivers of a file that run on every Node.js. The built-in ones are tested where they exist. */
const DRIVERS: Readonly<Record<string, () => SqliteDatabase & { close(): void }>> = {
  libsql() {
    const database = new Database(join(folder, 'libsql.db'));
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = OFF');
    return database;
  },
  '@libsql/client': () => createClient({ url: `file:${join(folder, 'client.db')}` }),
};

for (const [name, open] of Object.entries(DRIVERS)) {
  describe(`the SQLite store on ${name}`, () => {
    const databases = [open(), open()];
    afterAll(() => {
      for (const database of databases) database.close();
    });
    let count = 0;
    const cases = storeConformance({
      open: () =>
        sqliteStore({ database: databases[count++ % databases.length] as SqliteDatabase }),
    });
    for (const { name, run } of cases) it(name, run);
  });
}
