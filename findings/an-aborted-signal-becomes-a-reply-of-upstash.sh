#!/bin/sh
# One would guess that a command of @upstash/redis rejects when the client's `signal` is aborted, as a
# `fetch` does.
# It resolves (2026-11-29): version 1.39.0 makes up a response of status 200 with the reason of the signal
# as its result, and decodes that as base64. INCR resolves to a text, and SET NX, which was never sent,
# looks done. With auto-pipelining, the default, the command rejects with "res.map is not a function",
# and with a function for `signal` with the reason.
# It matters to whoever sets a time limit with `AbortSignal.timeout` and takes any reply but null for a
# lock. `upstashStore` takes no reply for an answer that is not the list of its script.
# Exits with 1 if the version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts @upstash/redis@1.39.0 2>/dev/null
cat > check.mjs <<'JS'
import { createServer } from 'node:http';
import { Redis } from '@upstash/redis';

let requests = 0;
const server = createServer((_, response) => {
  requests++;
  response.end('{"result":1}');
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const url = `http://127.0.0.1:${server.address().port}`;
const aborted = AbortSignal.abort('too late');
const outcome = (signal, send, enableAutoPipelining = false) =>
  send(new Redis({ url, token: 't', signal, retry: false, enableAutoPipelining })).then(
    (reply) => `resolved to ${JSON.stringify(reply)}`,
    (error) => `rejected with ${error}`,
  );

const set = await outcome(aborted, (redis) => redis.set('lock', 'mine', { nx: true }));
const incr = await outcome(aborted, (redis) => redis.incr('count'));
const piped = await outcome(aborted, (redis) => redis.incr('count'), true);
const byFunction = await outcome(() => aborted, (redis) => redis.incr('count'));
console.log(`SET NX ${set}\nINCR ${incr}\nINCR in a pipeline ${piped}\nINCR with a function ${byFunction}\n${requests} requests`);
server.close();
const isAsFound =
  /^resolved to "/.test(set) && /^resolved to "/.test(incr) && /^rejected/.test(byFunction) && /res.map/.test(piped);
process.exitCode = isAsFound && requests === 0 ? 0 : 1;
JS
node check.mjs
