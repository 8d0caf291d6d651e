#!/bin/sh
# One would guess that an acknowledged write of LMDB is there for good, whatever other processes do with the
# folder: that is what its write lock is for.
# It is not (2026-11-30): while two processes write to a database of lmdb 3.5.6 and others open it, a write that
# was acknowledged is gone a moment later, without an error, in about one of ten to thirty openings on a
# disk in memory. Other writes then fail with MDB_PROBLEM. Whoever opens the database reads the number of the
# last transaction and a moment later tells it to all processes; the next transaction then continues from
# there, and replaces what was committed in between (OpenLDAP fixed it as ITS#9496). Also with `readOnly: true`.
# It matters to whoever starts, restarts or inspects a process while others write to the same folder.
# Exits with 1 if a version behaves differently. It takes up to two minutes.
set -eu
base=/tmp
if [ -d /dev/shm ]; then base=/dev/shm; fi
folder=$(mktemp -d "$base/lmdb-XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent lmdb@3.5.6 2>/dev/null
cat > write.mjs <<'JS'
import { open } from 'lmdb';
const [name] = process.argv.slice(2);
const database = open({ path: 'data', noSubdir: false, overlappingSync: false });
const acknowledged = [];
let isOver = false;
process.on('message', () => {
  isOver = true;
});
let failures = 0;
// A failed write rejects a second promise, which no code can catch.
process.on('unhandledRejection', () => {});
for (let i = 0; !isOver; i++) {
  // Acknowledged means here: on the disk.
  const isWritten = await database.put(`${name}${i}`, i).catch(() => {
    failures++;
    return false;
  });
  if (isWritten) acknowledged.push(i);
}
const lost = acknowledged.filter((i) => database.get(`${name}${i}`) !== i).length;
process.send({ acknowledged: acknowledged.length, lost, failures });
await database.close();
process.disconnect();
JS
cat > check.mjs <<'JS'
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const PROGRAM = "import { open } from 'lmdb'; await open({ path: 'data', noSubdir: false }).close();";
let openings = 0;

/** Two writers, with 40 processes that open the database meanwhile. */
async function round() {
  const writers = ['a', 'b'].map((name) => fork('write.mjs', [name], { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let i = 0; i < 40; i++, openings++) {
    spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM]);
    // Lets the writers go on.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const reports = writers.map((writer) => once(writer, 'message').catch(() => []));
  for (const writer of writers) writer.send('stop', () => {});
  const ends = writers.map((writer) => (writer.connected ? once(writer, 'disconnect') : []));
  // A writer that has ended by itself reports nothing.
  const found = writers.map((_, i) => Promise.race([reports[i], Promise.resolve(ends[i]).then(() => [])]));
  return (await Promise.all(found)).flatMap(([report]) => report ?? []);
}

let lost = 0;
const until = Date.now() + 100_000;
while (lost === 0 && Date.now() < until) {
  const reports = await round();
  lost = reports.reduce((sum, report) => sum + report.lost, 0);
  console.log(`${openings} openings:`, JSON.stringify(reports));
}
console.log(lost > 0 ? 'as described' : 'CHANGED');
process.exit(lost > 0 ? 0 : 1);
JS
node check.mjs
