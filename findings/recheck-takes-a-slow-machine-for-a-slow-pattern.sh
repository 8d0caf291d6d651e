#!/bin/sh
# One would guess that a checker of regular expressions judges the pattern, that a time limit which it reaches is
# reported as such, and that `timeout: null` lifts the limits.
# recheck 4.5.0 has three more limits, `incubationTimeout` (250 ms), `attackTimeout` (1 s) and `seedingTimeout`
# (100 ms), which `timeout: null` leaves in place. It fuzzes a pattern with a look-around, and takes a match that
# reaches a limit for an attack. So the linear /^E(?!RR_)[A-Z_]+$/ is `vulnerable`, "3rd degree polynomial", on a
# machine that is slow or busy enough. Limits of 1 ms stand for that machine here. With all four limits `null`
# it is `safe` everywhere (2026-11-30).
# It matters to whoever runs recheck, or eslint-plugin-redos, in CI: a busy runner fails a build whose patterns
# have not changed. `npm run check:regexps` of samekey lifts all four.
# Exits with 1 if the version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts recheck@4.5.0
cat > check.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { checkSync } from 'recheck';

const { version } = JSON.parse(readFileSync('node_modules/recheck/package.json', 'utf8'));
const SOURCE = '^E(?!RR_)[A-Z_]+$';
const cases = [
  ['no time limit', { timeout: null, incubationTimeout: null, attackTimeout: null, seedingTimeout: null }, 'safe'],
  ['timeout: null, and 1 ms for a match', { timeout: null, incubationTimeout: 1, attackTimeout: 1 }, 'vulnerable'],
];
console.log(`recheck ${version}, Node.js ${process.version}: /${SOURCE}/`);
for (const [what, limits, wanted] of cases) {
  const { status, complexity, checker, attack } = checkSync(SOURCE, '', limits);
  console.log(`${what}: ${status}, ${complexity?.summary}, by ${checker}`);
  if (status !== wanted) process.exitCode = 1;
  if (attack === undefined) continue;
  const { string } = attack;
  const startedAt = performance.now();
  const found = new RegExp(SOURCE).test(string);
  const us = Math.round(1000 * (performance.now() - startedAt));
  console.log(`its attack has ${string.length} characters; V8 says ${found} after ${us} µs`);
}
JS
node check.mjs
