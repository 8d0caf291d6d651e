/**
 * An order that is billed once: `npm install && npm run build && npm start`, on Node.js 22.13 or later.
 *
 * Sends each order 20 times at the same time, restarts Next.js, and sends it once more. This file is the
 * provider, and counts what it bills.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const next = createRequire(import.meta.url).resolve('next/dist/bin/next');
const ORDER = { amount: 20 };

let receipts = 0;
const provider = createServer((_request, response) => {
  const receipt = ++receipts;
  setTimeout(() => response.end(JSON.stringify({ receipt })), 300);
});
provider.listen(0, '127.0.0.1');
await once(provider, 'listening');

/** Starts the application that `next build` has built. */
async function start() {
  const child = spawn(process.execPath, [next, 'start', '--port', '0', '--hostname', '127.0.0.1'], {
    cwd: here,
    env: {
      ...process.env,
      PROVIDER_URL: `http://127.0.0.1:${provider.address().port}`,
      NEXT_TELEMETRY_DISABLED: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const chunk of child.stdout) {
    said += chunk;
    const url = /Local:\s+(\S+)/.exec(said)?.[1];
    if (url !== undefined && said.includes('Ready')) {
      const stop = async () => {
        const exit = once(child, 'exit');
        child.kill();
        await exit;
      };
      return { url, stop };
    }
  }
  throw new Error(`Next.js did not start: ${said}`);
}

async function send(url, path) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'order-7' },
    body: JSON.stringify(ORDER),
  });
  const { receipt, engine } = await response.json();
  return { receipt, engine, outcome: response.headers.get('samekey') };
}

rmSync(`${here}records.db`, { force: true });
const PATHS = {
  'without samekey:    ': '/unprotected/orders',
  'with samekey:       ': '/shops/berlin/orders',
  'on the edge runtime:': '/edge/orders',
};
let app = await start();
for (const [name, path] of Object.entries(PATHS)) {
  receipts = 0;
  const [{ engine }] = await Promise.all(Array.from({ length: 20 }, () => send(app.url, path)));
  const digested = engine === undefined ? '' : `, digested by ${engine}`;
  console.log(`${name} 20 requests, ${receipts} billed, ${receipts * ORDER.amount} EUR${digested}`);
}
await app.stop();
receipts = 0;
app = await start();
const { receipt, outcome } = await send(app.url, PATHS['with samekey:       ']);
console.log(`after a restart:     receipt ${receipt}, ${outcome}, ${receipts} billed`);
await app.stop();
provider.close();
