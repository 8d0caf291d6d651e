#!/bin/sh
# One would expect that a timer of a module-level object fires whichever request set it, that
# `controller.abort()` works from any request, and that `performance.now()` is a monotonic clock.
# In workerd 1.20260426.1 (miniflare 4.20260426.0), 2026-11-28:
#   - a timer ends silently with the request that set it: it does not fire and nothing throws;
#   - to abort a controller whose signal is used by the `fetch` of another request throws "Cannot perform
#     I/O on behalf of a different request";
#   - `performance.now()` equals `Date.now()`, with a `timeOrigin` of 0: it moves when the clock is set.
# This matters for code that shares one timer or one run among requests: leases, timeouts, caches.
# Exits with 1 if any of this is different.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent miniflare@4.20260426.0
cat > check.mjs <<'JS'
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { Miniflare } from 'miniflare';

const slow = createServer((request, response) => setTimeout(() => response.end('late'), 3000));
await new Promise((resolve) => slow.listen(0, '127.0.0.1', resolve));
const worker = new Miniflare({
  modules: true,
  compatibilityDate: '2026-04-26',
  bindings: { SLOW: `http://127.0.0.1:${slow.address().port}` },
  script: `
    let hasRung = false;
    let controller;
    export default {
      async fetch(request, { SLOW }) {
        const { pathname } = new URL(request.url);
        if (pathname === '/set') {
          setTimeout(() => { hasRung = true; }, 200);
          return new Response('set');
        }
        if (pathname === '/rung') return Response.json(hasRung);
        if (pathname === '/begin') {
          controller = new AbortController();
          return fetch(SLOW, { signal: controller.signal }).catch(() => new Response('aborted'));
        }
        if (pathname === '/abort') {
          try {
            controller.abort();
            return new Response('no error');
          } catch (error) {
            return new Response(error.message);
          }
        }
        return Response.json([performance.now() === Date.now(), performance.timeOrigin]);
      },
    };`,
});
const ask = async (path) => (await worker.dispatchFetch(`http://localhost/${path}`)).text();
await ask('set');
await new Promise((resolve) => setTimeout(resolve, 1000));
const rung = await ask('rung');
const begun = ask('begin');
await new Promise((resolve) => setTimeout(resolve, 500));
const aborted = await ask('abort');
await begun;
const clock = await ask('clock');
await worker.dispose();
slow.close();
const { version } = createRequire(import.meta.url)('workerd/package.json');
console.log(`workerd ${version}`);
console.log(`a timer of an earlier request has rung: ${rung}`);
console.log(`abort() of another request's signal: ${aborted.slice(0, 80)}`);
console.log(`[performance.now() === Date.now(), timeOrigin]: ${clock}`);
const isAsFound =
  rung === 'false' && aborted.startsWith('Cannot perform I/O on behalf') && clock === '[true,0]';
process.exit(isAsFound ? 0 : 1);
JS
node check.mjs
