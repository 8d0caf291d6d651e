#!/bin/sh
# One would guess that a client that could not be created is gone: `createClient` has rejected, so the
# program has nothing that it could close.
# It is not (2026-11-29): after `GlideClient.createClient` of @valkey/valkey-glide 2.5.2 has rejected, the
# process goes on connecting to the server, some 40 times a second, until the server accepts it once. Each
# attempt of the program adds another such loop. `GlideClusterClient.createClient` ends with its error.
# It matters to whoever repeats `createClient` until a server is up: after a minute of one attempt a second
# the server gets thousands of connections a second, when it starts.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts @valkey/valkey-glide@2.5.2 2>/dev/null
cat > check.mjs <<'JS'
import { createServer } from 'node:net';
import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide';

Logger.init('off');

/** How many connections arrive in the two seconds after the error of a client. */
async function connectionsAfter(Client) {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => {});
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  const outcome = await Client.createClient({
    addresses: [{ host: '127.0.0.1', port }],
    connectionBackoff: { numberOfRetries: 1, factor: 20, exponentBase: 1 },
  }).then(() => 'created', (error) => error.constructor.name);
  const before = count;
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return { outcome, later: count - before };
}

const one = await connectionsAfter(GlideClient);
const cluster = await connectionsAfter(GlideClusterClient);
console.log('GlideClient', one);
console.log('GlideClusterClient', cluster);
const isAsSeen =
  one.outcome === 'ClosingError' && one.later > 20 &&
  cluster.outcome === 'ClosingError' && cluster.later === 0;
console.log(isAsSeen ? 'as described' : 'CHANGED');
process.exit(isAsSeen ? 0 : 1);
JS
node check.mjs
