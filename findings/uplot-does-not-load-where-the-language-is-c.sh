#!/bin/sh
# One would guess that a chart library loads in every browser, and that `navigator.language` is a language
# that `Intl` knows.
# In WebKitGTK 2.50.6 under LANG=C.UTF-8, the locale of most containers, `navigator.language` is `C`, which
# `Intl` refuses. uPlot 1.6.32 makes `new Intl.NumberFormat(navigator.language)` while its module is
# evaluated, so the import throws "RangeError: invalid language tag: C", and no script that imports it runs
# (2026-11-30).
# It matters to whoever tests pages in WebKitGTK in a container, and to any page that gives
# `navigator.language` to `Intl` without a fallback. The pages of samekey write numbers in English.
# Needs MiniBrowser of WebKitGTK and xvfb-run (Debian: libwebkit2gtk-4.1-0, xvfb, xauth).
# Exits with 1 if the versions behave differently.
set -eu
browser=$(ls /usr/lib/*/webkit2gtk-4.1/MiniBrowser 2>/dev/null | head -n 1)
if [ -z "$browser" ] || ! type xvfb-run >/dev/null 2>&1; then
  echo 'not run: there is no MiniBrowser of WebKitGTK, or no xvfb-run'
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts uplot@1.6.32 2>/dev/null
cat > check.mjs <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [browser] = process.argv.slice(2);
const page = `<!doctype html><title>check</title><script type="module">
const found = { language: navigator.language, webkit: navigator.userAgent };
found.uplot = await import('/uPlot.js').then(() => 'loaded', String);
await fetch('/found', { method: 'POST', body: JSON.stringify(found) });
</script>`;
const files = {
  '/': ['text/html', page],
  '/uPlot.js': ['text/javascript', readFileSync('node_modules/uplot/dist/uPlot.esm.js', 'utf8')],
};
let tell;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.url === '/found') tell(JSON.parse(body));
  const [type, text] = files[request.url] ?? ['text/plain', ''];
  response.setHeader('content-type', type);
  response.end(text);
}).listen(0, '127.0.0.1');
await once(server, 'listening');

async function foundUnder(LANG) {
  const found = new Promise((resolve) => {
    tell = resolve;
  });
  const env = { ...process.env, HOME: process.cwd(), LANG, LC_ALL: LANG, LANGUAGE: '' };
  const args = ['-a', browser, `http://127.0.0.1:${server.address().port}/`];
  const child = spawn('xvfb-run', args, { env, stdio: 'ignore', detached: true });
  const timer = setTimeout(() => tell({ uplot: 'no answer' }), 60_000);
  const result = await found;
  clearTimeout(timer);
  process.kill(-child.pid, 'SIGTERM');
  console.log(`${LANG}: navigator.language is ${result.language}, uPlot: ${result.uplot}`);
  return result;
}

const inC = await foundUnder('C.UTF-8');
server.close();
server.closeAllConnections();
process.exitCode = inC.language === 'C' && /RangeError/.test(inC.uplot) ? 0 : 1;
JS
node check.mjs "$browser"
