#!/usr/bin/env bash
# One would guess: whoever holds `request.signal` learns when the signal that the request was made with
# aborts. The DOM standard says so: a dependent signal with an abort listener is not collected.
# It is so: in Node.js the signal of `new Request(url, { signal })` stops following its source as soon as
# the Request itself is collected as garbage. A handler that keeps `request.signal` alone, and listens to
# it, never hears of the abort. A signal of `AbortSignal.any` in its place does hear of it.
# Versions: Node.js 22.23.3 and 26.10.0 from the npm package `node`; 2026-11-28.
# It matters to every server that hands a Request with a signal of its own to a handler: it must keep the
# Request until the handler has ended, or a timeout does not reach the handler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund older@npm:node@22.23.3 newer@npm:node@26.10.0 >/dev/null
cat >signal.mjs <<'JS'
const source = new AbortController();
const makers = {
  'new Request': (signal) => new Request('http://localhost/', { signal }).signal,
  'AbortSignal.any': (signal) => AbortSignal.any([signal]),
};
const heard = {};
for (const [name, make] of Object.entries(makers)) {
  heard[name] = false;
  make(source.signal).addEventListener('abort', () => {
    heard[name] = true;
  });
}
for (let count = 0; count < 5; count++) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  globalThis.gc();
}
source.abort();
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(process.version, JSON.stringify(heard));
process.exitCode = !heard['new Request'] && heard['AbortSignal.any'] ? 0 : 1;
JS
for name in older newer; do
  "node_modules/$name/bin/node" --expose-gc signal.mjs
done
echo 'As described: the listener on the signal of a Request is lost, the one on AbortSignal.any is not.'
