#!/bin/sh
# One would guess that a write which met the lock of another connection, threw, and succeeds when it is
# called again is committed, as with better-sqlite3, whose interface the package libsql has.
# It is not (2026-11-29): libsql 0.5.29 on Node.js 20. A prepared INSERT … RETURNING that met a lock stays in
# progress in the driver. Later writes of the same connection return their rows, and no other connection
# ever sees them. better-sqlite3 12.11.1 passes the same steps (it compiles for minutes, so it is not
# installed here).
# A claim that is acknowledged and not committed lets a key run twice. Writes by exec('BEGIN IMMEDIATE'),
# exec('COMMIT') are not affected: the second half shows it.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts libsql@0.5.29 2>/dev/null
cat > check.mjs <<'JS'
import Database from 'libsql';
import { readFileSync } from 'node:fs';

/** Writes with a second connection while the first has the lock, and again when it has not. */
function rowsSeenAfter(name, write) {
  const first = new Database(`${name}.db`, { timeout: 0 });
  const second = new Database(`${name}.db`, { timeout: 0 });
  first.exec('CREATE TABLE t (x)');
  first.exec('BEGIN IMMEDIATE');
  first.exec('INSERT INTO t VALUES (1)');
  let refusal = 'none';
  try {
    write(second);
  } catch (error) {
    refusal = error.code;
  }
  first.exec('COMMIT');
  write(second);
  const { n } = first.prepare('SELECT count(*) AS n FROM t WHERE x = 9').get();
  return { refusal, n };
}

const prepared = rowsSeenAfter('prepared', (database) =>
  database.prepare('INSERT INTO t VALUES (9) RETURNING x').all(),
);
const executed = rowsSeenAfter('executed', (database) => {
  database.exec('BEGIN IMMEDIATE');
  database.exec('INSERT INTO t VALUES (9)');
  database.exec('COMMIT');
});
const { version } = JSON.parse(readFileSync('node_modules/libsql/package.json', 'utf8'));
console.log({ version, node: process.version, prepared, executed });
const isAsSeen = prepared.n === 0 && executed.n === 1;
console.log(isAsSeen ? 'as described' : 'CHANGED');
process.exit(isAsSeen ? 0 : 1);
JS
node check.mjs
