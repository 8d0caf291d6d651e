/** Every store under every fault: the test that shows a clear error, at once, with nothing lost and no password. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const FAULTS = [
  'down at the start',
  'dies between claim and completion',
  'answers late',
  'read-only',
  'full',
  'a record of another version',
  'a foreign value under the key',
  'wrong credentials',
] as const;

/** The file and the beginning of the title of a test, or why there is none. */
type Shown = readonly [file: string, title: string] | { readonly none: string };

const inFile =
  (file: string) =>
  (title: string): Shown => [file, title];
/** The reaction of `once` is the same for all stores. */
const ANY_STORE = inFile('once/failing-store.test.ts')('that answers too late gets its claim back');
const onDown = inFile('once/store-error.test.ts');
const redis = inFile('store/redis/refusals.test.ts');
const upstash = inFile('store/upstash/faults.test.ts');
const postgres = inFile('store/postgres/errors.test.ts');
const mysql = inFile('store/mysql/errors.deep.test.ts');
const dynamodb = inFile('store/dynamodb/faults.test.ts');
const objects = inFile('runtimes/durable-object.mjs');
const sqlite = inFile('store/sqlite/faults.test.ts');
const lmdb = inFile('store/lmdb/lmdb.test.ts');
const lmdbOpen = inFile('store/lmdb/open.test.ts');
const lmdbProcesses = inFile('store/lmdb/processes.test.ts');

/** In the order of `FAULTS`. */
const SHOWN: Readonly<Record<string, readonly Shown[]>> = {
  lmdb: [
    lmdbOpen('where its folder cannot be'),
    lmdbProcesses('lose nothing that was acknowledged when they are killed'),
    ANY_STORE,
    lmdbOpen('says so where the disk is full or cannot be written to'),
    lmdbProcesses('say so when the disk is full, and live on'),
    lmdb('a record of a later version'),
    lmdb('a text of another program'),
    lmdbOpen('says so where it may not write'),
  ],
  sqlite: [
    sqlite('a file that is no database'),
    inFile('once/crash.deep.test.ts')('keep what was written when its owner is killed'),
    sqlite('while another connection holds the lock'),
    sqlite('where the database is read-only, and reads on'),
    sqlite('where it is full, loses nothing'),
    sqlite('a table of another version'),
    sqlite('a table of another program'),
    sqlite('says what a server answers, and shows no token'),
  ],
  redis: [
    onDown('node-redis'),
    redis('to live between claim and completion'),
    redis('to answer in time, and gets its late claim back'),
    redis('writes because it is a replica'),
    redis('new keys because it is full'),
    // The scripts are the same.
    upstash('a record of another version'),
    inFile('store/redis/client.test.ts')('does not touch a value of another program'),
    redis('a wrong password at once, and shows none'),
  ],
  upstash: [
    upstash('that is down at the start runs nothing'),
    upstash('that dies between claim and completion keeps the result'),
    upstash('that answers a claim too late runs nothing'),
    upstash('a token that may only read'),
    upstash('that is full refuses new keys'),
    upstash('a record of another version'),
    upstash('a text'),
    upstash('a wrong token'),
  ],
  postgres: [
    onDown('pg with a connection string'),
    inFile('once/processes.deep.test.ts')('run nothing twice while the server is restarted'),
    postgres('and a claim that its client gave up is given back'),
    postgres('because it is a standby, until that is promoted'),
    postgres('because its disk is full, until there is room again'),
    inFile('store/postgres/table.test.ts')('refuses a record that another version wrote'),
    postgres('a table of another program, which stays as it is'),
    postgres('an unknown user'),
  ],
  mysql: [
    mysql('because it is not there'),
    mysql('to answer between a claim and its completion'),
    mysql('and a claim that takes effect after its caller gave up is given back'),
    mysql('because it is read-only, until it is the primary'),
    mysql('because it is full, until there is room again'),
    inFile('store/mysql/table.test.ts')('refuses a record that another version wrote'),
    inFile('store/mysql/table.test.ts')('of another program is refused'),
    mysql('because the password is wrong, and shows none'),
  ],
  dynamodb: [
    dynamodb('is down at the start: the error names the table'),
    dynamodb('dies between claim and completion: the result is stored'),
    dynamodb('answers late: the claim is given back'),
    dynamodb('AccessDeniedException'),
    inFile('store/dynamodb/size.test.ts')('goes to its caller, is not stored'),
    dynamodb('a record of a later version'),
    dynamodb('an item of another program'),
    dynamodb('refuses the credentials'),
  ],
  'durable-object': [
    objects('an object that throws'),
    objects('an object that is evicted during a run'),
    ANY_STORE,
    { none: 'an object is never read-only' },
    objects('a full disk'),
    objects('foreign rows and rows of another version are refused and kept'),
    objects('a table of somebody else is refused'),
    objects('a missing binding, a binding of another class'),
  ],
};

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('has a line for every store that can fail', () => {
  const { exports } = JSON.parse(read('package.json')) as { readonly exports: object };
  const stores = Object.keys(exports).flatMap(
    (entry) => /^\.\/store\/(.+)$/.exec(entry)?.[1] ?? [],
  );
  const failing = stores.filter((name) => !['memory', 'conformance'].includes(name));
  expect(Object.keys(SHOWN).sort()).toEqual(failing.sort());
});

it.each(Object.entries(SHOWN))('%s has a test for every fault', (_, tests) => {
  expect(tests).toHaveLength(FAULTS.length);
  for (const [at, test] of tests.entries()) {
    if ('none' in test) continue;
    const [file, title] = test;
    const text = read(`test/${file}`);
    // A comment is no test.
    const isTitle = ["'", '"', '`'].some((quote) => text.includes(quote + title));
    expect(isTitle, `${FAULTS[at]}: ${file} has the title "${title}"`).toBe(true);
  }
});
