#!/bin/sh
# One would guess that SIGTERM to the process of `npx PROGRAM` ends the program, as npx passes signals on.
# It ends npx and the shell between them (2026-11-30, npm 11.19.1, /bin/sh being dash 0.5.12): npx sends
# the signal to its child, which is `sh -c PROGRAM`, and that shell ends without its own child. The program
# goes on, keeps its port, and belongs to no one. npx itself ends by the signal, as if all had ended.
# It matters to whoever starts a server with npx in a container, a unit of systemd or a test: the next start
# meets EADDRINUSE, and requests are still answered by the old program. `node_modules/.bin/PROGRAM`, which
# needs no shell, ends as it should; it is what docs/proxy.md says.
# Exits with 1 if the version behaves differently.
set -eu
folder=$(mktemp -d)
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts npm@11.19.1 http-server@14.1.1 2>/dev/null
cat > check.mjs <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const free = createServer().listen(0, '127.0.0.1');
await once(free, 'listening');
const { port } = free.address();
free.close();
const isServed = () => fetch(`http://127.0.0.1:${port}/`).then(({ ok }) => ok, () => false);

/** Starts a server, ends its process with SIGTERM, and returns whether the port is served afterwards. */
async function isServedAfterwards(command, ...args) {
  const child = spawn(command, [...args, '-s', '-a', '127.0.0.1', '-p', String(port)], { detached: true });
  const ended = once(child, 'exit');
  for (let i = 0; i < 100 && !(await isServed()); i++) await sleep(100);
  if (!(await isServed())) throw new Error(`${command} does not serve`);
  child.kill('SIGTERM');
  const [code, signal] = await ended;
  await sleep(2000);
  const after = await isServed();
  console.log(`${args[0] ?? command}: ended with ${code ?? signal}, the port is ${after ? 'still served' : 'free'}`);
  // All that was started with it.
  if (after) process.kill(-child.pid, 'SIGKILL');
  for (let i = 0; i < 50 && (await isServed()); i++) await sleep(100);
  return after;
}

const direct = await isServedAfterwards('node_modules/.bin/http-server');
const byNpx = await isServedAfterwards(process.execPath, 'node_modules/npm/bin/npx-cli.js', 'http-server');
process.exitCode = !direct && byNpx ? 0 : 1;
JS
echo "npm $(node node_modules/npm/bin/npm-cli.js --version), /bin/sh is $(readlink -f /bin/sh)"
status=0
node check.mjs || status=$?
rm -rf "$folder"
exit $status
