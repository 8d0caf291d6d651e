#!/bin/sh
# One would guess that an SDK of a provider of language models repeats a failed request a few times, as the
# others do: OpenAI's, Anthropic's and Cohere's send it three times in all.
# It is so: `@openrouter/sdk` 1.3.19 (2026-11-29) repeats a chat request that fails with any 5xx, or whose
# connection breaks, for an hour: 76 POSTs, and its caller hears nothing until then. It has no timeout by
# default, and the limit of an hour is checked between attempts only. `retryConfig: { strategy: 'none' }`
# turns it off.
# It matters because the provider may have done and billed the work each time before the connection broke.
# The clock of this script does not wait. Exits with 1 if the SDK behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts @openrouter/sdk@1.3.19
cat > check.mjs <<'JS'
import { readFileSync } from 'node:fs';
let nowMs = 0;
Date.now = () => nowMs;
globalThis.setTimeout = (run, ms) => {
  nowMs += ms;
  queueMicrotask(run);
};
const { HTTPClient, OpenRouter } = await import('@openrouter/sdk');
const failures = {
  'a 500': async () => new Response('{}', { status: 500 }),
  'a broken connection': async () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) });
  },
};
const chatRequest = { model: 'm', messages: [{ role: 'user', content: 'Say hello.' }] };
const { version } = JSON.parse(readFileSync('node_modules/@openrouter/sdk/package.json', 'utf8'));
console.log(`@openrouter/sdk ${version}, Node.js ${process.versions.node}`);
const ask = async (fail, options) => {
  let calls = 0;
  const startedMs = nowMs;
  const fetcher = (request) => {
    calls++;
    return fail(request);
  };
  const client = new OpenRouter({ apiKey: 'k', httpClient: new HTTPClient({ fetcher }), ...options });
  const error = await client.chat.send({ chatRequest }).catch((thrown) => thrown);
  return { calls, minutes: Math.floor((nowMs - startedMs) / 60_000), error: error.name };
};
let isAsFound = true;
for (const [name, fail] of Object.entries(failures)) {
  const usual = await ask(fail);
  const off = await ask(fail, { retryConfig: { strategy: 'none' } });
  console.log(`${name}: ${JSON.stringify(usual)}; without retries: ${JSON.stringify(off)}`);
  isAsFound &&= usual.calls > 70 && usual.minutes >= 60 && off.calls === 1;
}
process.exit(isAsFound ? 0 : 1);
JS
node check.mjs
