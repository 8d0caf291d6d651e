#!/bin/sh
# One would guess that OpenAI's SDK throws its `APIConnectionTimeoutError` after its own timeout, or if a
# connection took too long.
# It throws it for every error of `fetch` whose text, or that of its cause, contains "timeout" or "timed out"
# anywhere: in the name of a host that cannot be resolved, or of a setting. Its message is "Request timed out."
# in place of "Connection error.". `openai` 6.49.0, the newest version for Node.js 20, drops the error itself;
# 7.59.0 (2026-11-29) has it as `cause`.
# Such errors reach the SDK from proxies, agents and wrappers of `fetch`. Their callers look for a slow server
# that does not exist.
# Exits with 1 if the SDK behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts openai-6@npm:openai@6.49.0 openai-7@npm:openai@7.59.0
cat > check.mjs <<'JS'
import { readFileSync } from 'node:fs';
const TIMED_OUT = 'Request timed out.';
const reasons = {
  'getaddrinfo ENOTFOUND slow-proxy': 'Connection error.',
  'getaddrinfo ENOTFOUND timeout-proxy': TIMED_OUT,
  'Cannot read the setting storeTimeoutMs': TIMED_OUT,
};
let isAsFound = true;
for (const name of ['openai-6', 'openai-7']) {
  const { default: OpenAI } = await import(name);
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  console.log(`openai ${version}, Node.js ${process.versions.node}`);
  for (const [reason, wanted] of Object.entries(reasons)) {
    const fetch = async () => {
      throw new TypeError('fetch failed', { cause: new Error(reason) });
    };
    const client = new OpenAI({ apiKey: 'k', maxRetries: 0, fetch });
    const { constructor, message, cause } = await client.models.list().catch((error) => error);
    console.log(`  ${reason}: ${constructor.name} "${message}", cause: ${cause}`);
    const isHidden = name === 'openai-6' && wanted === TIMED_OUT;
    isAsFound &&= message === wanted && (cause === undefined) === isHidden;
  }
}
process.exit(isAsFound ? 0 : 1);
JS
node check.mjs
