#!/bin/sh
# One would guess that node-redis keeps the commands of a program in its offline queue until it is
# connected again, as version 5.0 does: that is what the queue is for.
# It is so (2026-11-29): @redis/client 6.3.1 gives each command a time limit of 5 s by default, by an
# `AbortSignal.timeout` of its own. A command that was not sent by then rejects with a TimeoutError, also
# while the client still tries to connect, and is never sent. 5.0.1 waits and sends it.
# It matters to whoever counts on the queue through a restart or a failover, and to the cost of a command: a
# signal for each takes a tenth of the processor time of a busy client. `sendCommand(args, { timeout:
# undefined })` or `commandOptions: { timeout: undefined }` turns it off.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts \
  new@npm:@redis/client@6.3.1 old@npm:@redis/client@5.0.1 2>/dev/null
cat > check.mjs <<'JS'
import { createServer } from 'node:net';

// A server that comes back after seven seconds: until then nothing listens on its port.
async function attempt(name) {
  const { createClient } = await import(name);
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const received = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const text = String(bytes);
      received.push(text);
      // One reply for each command, whatever it is.
      const count = text.split(/^\*/m).length - 1;
      socket.write('+OK\r\n'.repeat(count));
    });
  });
  const client = createClient({
    RESP: 2,
    url: `redis://127.0.0.1:${port}`,
    socket: { reconnectStrategy: 200 },
    disableClientInfo: true,
  });
  client.on('error', () => {});
  client.connect().catch(() => {});
  const startedAt = Date.now();
  setTimeout(() => server.listen(port, '127.0.0.1'), 7000);
  const outcome = await client.sendCommand(['SET', 'a', '1']).then(
    (reply) => `replied ${reply}`,
    (error) => `rejected with ${error.constructor.name}: ${error.message}`,
  );
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  await new Promise((resolve) => setTimeout(resolve, 8500 - (Date.now() - startedAt)));
  const wasSent = received.some((text) => text.includes('SET'));
  client.destroy();
  server.close();
  return { outcome, seconds, wasSent };
}

const [now, before] = [await attempt('new'), await attempt('old')];
console.log('@redis/client 6.3.1', now);
console.log('@redis/client 5.0.1', before);
const isAsSeen =
  now.outcome.startsWith('rejected with TimeoutError') && now.seconds === 5 && !now.wasSent &&
  before.outcome === 'replied OK' && before.seconds >= 7 && before.wasSent;
console.log(isAsSeen ? 'as described' : 'CHANGED');
process.exit(isAsSeen ? 0 : 1);
JS
node check.mjs
