/**
 * `samekey proxy` in front of programs without samekey: `node examples/proxy/clients.mjs`
 *
 * curl, Python's urllib and Node.js' fetch time out before the answer arrives and retry. Then all of them
 * send the same request at the same time. Each scenario runs with and without the proxy, against a local
 * provider that bills its work.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startProvider } from '../provider/provider.mjs';
import { startProxy } from './start-proxy.mjs';

const run = promisify(execFile);

const REQUEST = JSON.stringify({
  model: 'm',
  messages: [{ role: 'user', content: 'Refund order 7.' }],
});

/** How long a client waits before it retries, and how long the provider takes for the first answer. */
const PATIENCE_S = 1;
const MOODS = ['late:2500'];

const PYTHON = `
import sys, urllib.error, urllib.request
url, body = sys.argv[1], sys.argv[2].encode()
headers = {'authorization': 'Bearer a', 'content-type': 'application/json'}
for attempt in range(5):
    try:
        request = urllib.request.Request(url, body, headers, method='POST')
        print(urllib.request.urlopen(request, timeout=${PATIENCE_S}).read().decode())
        break
    except (TimeoutError, urllib.error.URLError):
        pass
`;

/** Each resolves with the text of the answer. */
const CLIENTS = {
  async curl(url) {
    const headers = ['-H', 'authorization: Bearer a', '-H', 'content-type: application/json'];
    const patience = ['--max-time', String(PATIENCE_S), '--retry', '5', '--retry-delay', '1'];
    const { stdout } = await run('curl', ['-s', ...patience, ...headers, '-d', REQUEST, url]);
    return stdout;
  },

  async python3(url) {
    const { stdout } = await run('python3', ['-c', PYTHON, url, REQUEST]);
    return stdout;
  },

  async 'Node.js'(url) {
    for (;;) {
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { authorization: 'Bearer a', 'content-type': 'application/json' },
          body: REQUEST,
          signal: AbortSignal.timeout(PATIENCE_S * 1000),
        });
        return await response.text();
      } catch (error) {
        if (error.name !== 'TimeoutError') throw error;
      }
    }
  },
};

async function isThere(name) {
  if (name === 'Node.js') return true;
  return run(name, ['--version']).then(
    () => true,
    () => false,
  );
}

async function compare(title, moods, clients) {
  console.log(title);
  for (const isProtected of [false, true]) {
    const provider = await startProvider({ moods, workMs: 20 });
    const proxy = isProtected ? await startProxy('--upstream', provider.url) : undefined;
    const url = `${(proxy ?? provider).url}/v1/chat/completions`;
    const answers = await Promise.all(clients.map((ask) => ask(url)));
    for (const answer of answers) JSON.parse(answer);
    await proxy?.stop();
    console.log(`  ${isProtected ? 'with samekey:   ' : 'without samekey:'} ${provider.summary()}`);
    await provider.stop();
  }
}

const found = [];
for (const [name, ask] of Object.entries(CLIENTS)) {
  if (await isThere(name)) found.push([name, ask]);
  else console.log(`${name} is not here, and was left out.`);
}
for (const [name, ask] of found) {
  await compare(`${name} gives up before the answer comes, and tries again:`, MOODS, [ask]);
}
await compare(
  `${found.map(([name]) => name).join(', ')} ask the same at the same time:`,
  [],
  found.map(([, ask]) => ask),
);
