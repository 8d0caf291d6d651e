#!/bin/sh
# One would expect `process.hrtime.bigint()` to be the monotonic clock of the machine in every runtime,
# as in Node.js, where two processes of one machine read the same clock.
# On Bun 1.4.5 and Deno 2.9.6 (Linux x64), 2026-11-28, it counts from the start of the process: a process
# that starts a second later reads a smaller time, and two processes cannot compare their readings.
# This matters for leases, locks and traces that processes of one machine share: a time that one process
# writes means nothing to another. Node.js 20 to 26 on Linux reads CLOCK_MONOTONIC.
# Exits with 1 if a runtime behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts @oven/bun-linux-x64@1.4.5 deno@2.9.6
cat > read.mjs <<'JS'
import process from 'node:process';
const startedMs = Number(process.hrtime.bigint()) / 1e6;
if (process.argv[2] === 'first') await new Promise((resolve) => setTimeout(resolve, 1500));
const endedMs = Number(process.hrtime.bigint()) / 1e6;
console.log(JSON.stringify([startedMs, endedMs].map(Math.round)));
JS
cat > check.mjs <<'JS'
import { execFileSync } from 'node:child_process';
const [bun, deno] = ['node_modules/@oven/bun-linux-x64/bin/bun', 'node_modules/.bin/deno'];
const runtimes = [
  ['Node.js', process.execPath, [], true],
  ['Bun', bun, [], false],
  ['Deno', deno, ['run', '--quiet'], false],
];
let isOtherwise = false;
for (const [name, program, flags, isShared] of runtimes) {
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const read = (order) =>
    JSON.parse(execFileSync(program, [...flags, 'read.mjs', order], { encoding: 'utf8' }));
  const [, firstEndedMs] = read('first');
  const [secondStartedMs] = read('second');
  // The second process starts when the first one has ended.
  const isLater = secondStartedMs >= firstEndedMs;
  console.log(`${name} (${version}): the first ends at ${firstEndedMs} ms, the second starts at ${secondStartedMs} ms`);
  if (isLater !== isShared) isOtherwise = true;
}
process.exit(isOtherwise ? 1 : 0);
JS
node check.mjs
