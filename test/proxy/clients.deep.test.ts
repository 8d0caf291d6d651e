import { type AddressInfo, connect, createServer } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';
import { describeWith, isInstalled } from '../servers/process.js';
import { type Output, type RunningProxy, run, startProxy } from './program.js';

interface Provider {
  readonly url: string;
  readonly requests: { readonly headers: Record<string, string | undefined> }[];
  billedCount(): number;
  stop(): Promise<void>;
}

/** The response as a client in some language received it. */
interface Received {
  readonly status: number | undefined;
  readonly outcome: string | undefined;
  readonly body: string;
  /** Whether the client reports that the response is incomplete. */
  readonly isBroken: boolean;
}

interface Client {
  readonly tool: string;
  readonly isThere: boolean;
  ask(url: string, body: string): Promise<Received>;
}

const HEADERS = { authorization: 'Bearer account-1', 'content-type': 'application/json' };

const PYTHON = `
import json, sys, urllib.request, urllib.error, http.client
url, body = sys.argv[1], sys.stdin.read().encode()
headers = ${JSON.stringify(HEADERS)}
request = urllib.request.Request(url, data=body, headers=headers, method='POST')
found = {'isBroken': False, 'body': ''}
try:
    response = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as error:
    response = error
found['status'] = response.status
found['outcome'] = response.headers.get('samekey')
try:
    found['body'] = response.read().decode()
except (http.client.IncompleteRead, ConnectionError) as error:
    found['isBroken'] = True
    found['body'] = getattr(error, 'partial', b'').decode()
print(json.dumps(found))
`;

const CLIENTS: readonly Client[] = [
  {
    tool: 'curl',
    isThere: isInstalled('curl'),
    async ask(url, body) {
      const headers = Object.entries(HEADERS).flatMap(([name, value]) => [
        '-H',
        `${name}: ${value}`,
      ]);
      const written = '\n%{http_code} %header{samekey}';
      const args = [
        '-sS',
        '-N',
        '-X',
        'POST',
        ...headers,
        '--data-binary',
        '@-',
        '-w',
        written,
        url,
      ];
      const { code, stdout } = await run('curl', args, body);
      const [, text = '', status, outcome] = /^([\s\S]*)\n(\d{3}) (.*)$/.exec(stdout) ?? [];
      return {
        status: Number(status),
        outcome: outcome || undefined,
        body: text,
        isBroken: code !== 0,
      };
    },
  },
  {
    tool: 'python3',
    isThere: isInstalled('python3'),
    async ask(url, body) {
      const { stdout, stderr }: Output = await run('python3', ['-c', PYTHON, url], body);
      if (stdout === '') throw new Error(stderr);
      const { outcome, ...rest } = JSON.parse(stdout);
      return { ...rest, outcome: outcome ?? undefined };
    },
  },
];

const body = (members: object = {}) =>
  JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'What is new?' }], ...members });
const PLAIN = body();
const STREAM = body({ stream: true });
const ANSWER = 'Answer 1 to: What is new?';

/** Returns the text in a response, plain or as events. */
function textIn(answer: string): string {
  if (answer.startsWith('{')) return JSON.parse(answer).choices?.[0]?.message.content;
  return [...answer.matchAll(/^data: (\{.*)$/gm)]
    .map(([, data]) => JSON.parse(data as string).choices[0]?.delta?.content ?? '')
    .join('');
}

let provider: Provider;
let proxy: RunningProxy;
let closeHeld = () => {};

const inFlight = () => proxy.metric('samekey_proxy_requests_in_flight');

/** Settings by which a request of unknown outcome is not sent again. */
const HOLD = { SAMEKEY_ON_UNKNOWN: 'hold' };

async function start(moods: readonly string[], env?: Record<string, string>): Promise<string> {
  provider = await startProvider({ moods, workMs: 10 });
  proxy = await startProxy(provider.url, ['--idle', '2s', '--preset', 'openai'], env);
  return `${proxy.url}/v1/chat/completions`;
}

/** The same, but nothing reaches the provider until `open`. */
async function startHeld(): Promise<{ readonly url: string; readonly open: () => void }> {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  provider = await startProvider({ workMs: 10 });
  const between = createServer({ pauseOnConnect: true }, async (socket) => {
    socket.on('error', () => {});
    await opened;
    const onward = connect(Number(new URL(provider.url).port), '127.0.0.1');
    onward.on('error', () => {});
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  closeHeld = () => void between.close();
  const { port } = between.address() as AddressInfo;
  proxy = await startProxy(`http://127.0.0.1:${port}`, ['--preset', 'openai']);
  return { url: `${proxy.url}/v1/chat/completions`, open };
}

afterEach(async () => {
  await proxy?.stop('SIGKILL');
  await provider?.stop();
  closeHeld();
});

for (const { tool, isThere, ask } of CLIENTS) {
  describeWith(tool, isThere, `the proxy and ${tool}`, () => {
    it.each([
      ['plain', PLAIN],
      ['a stream', STREAM],
    ])('%s: two at once and one after share one call', async (_, request) => {
      const { url, open } = await startHeld();
      const both = [ask(url, request), ask(url, request)] as const;
      await expect.poll(inFlight).toBe(2);
      open();
      const [one, two] = await Promise.all(both);
      const three = await ask(url, ` ${request}`);
      expect([one?.outcome, two?.outcome].sort()).toEqual(['executed', 'joined']);
      expect(three.outcome).toBe('replayed');
      for (const { status, body, isBroken } of [one, two, three]) {
        expect({ status, isBroken }).toEqual({ status: 200, isBroken: false });
        expect(body).toBe(one.body);
      }
      expect(textIn(one.body)).toBe(ANSWER);
      expect(provider.billedCount()).toBe(1);
      expect(await proxy.metric('samekey_proxy_saved_calls_total')).toBe(2);
    });

    it.each([429, 500, 529])(
      '%i is passed on and not stored, so the next attempt reaches the provider',
      async (status) => {
        const url = await start([String(status)]);
        const refused = await ask(url, PLAIN);
        expect(refused).toMatchObject({ status, outcome: 'executed', isBroken: false });
        expect(await ask(url, PLAIN)).toMatchObject({ status: 200, outcome: 'executed' });
        expect(await ask(url, PLAIN)).toMatchObject({ status: 200, outcome: 'replayed' });
        expect(provider.billedCount()).toBe(1);
      },
    );

    it('a silent provider causes 504', async () => {
      const url = await start(['hang']);
      const { status, body, isBroken } = await ask(url, PLAIN);
      expect({ status, isBroken }).toEqual({ status: 504, isBroken: false });
      expect(JSON.parse(body)).toMatchObject({ status: 504, code: 'SAMEKEY_TIMEOUT' });
      expect(provider.billedCount()).toBe(0);
    });

    it.each([
      ['plain', PLAIN],
      ['a stream', STREAM],
    ])(
      '%s, cut in the middle: its client sees an incomplete response, which is not replayed',
      async (_, request) => {
        const url = await start(['cut'], HOLD);
        const cut = await ask(url, request);
        expect(cut).toMatchObject({ status: 200, isBroken: true });
        // The provider has billed the request. A retry receives 409 and is not billed.
        const again = await ask(url, request);
        expect(again).toMatchObject({ status: 409, isBroken: false });
        expect(JSON.parse(again.body).code).toBe('SAMEKEY_UNKNOWN_OUTCOME');
        expect(provider.billedCount()).toBe(1);
      },
    );

    it('a stream that ends without its last event is incomplete', async () => {
      const url = await start(['end-early']);
      expect(await ask(url, STREAM)).toMatchObject({ status: 200, isBroken: true });
      const again = await ask(url, STREAM);
      expect(again).toMatchObject({ status: 200, outcome: 'executed', isBroken: false });
      expect(textIn(again.body)).toBe('Answer 2 to: What is new?');
    });

    it('a late response serves a retry of the disconnected client', async () => {
      const { url, open } = await startHeld();
      const client = new AbortController();
      const first = fetch(url, {
        method: 'POST',
        headers: HEADERS,
        body: PLAIN,
        signal: client.signal,
      });
      const aborted = expect(first).rejects.toThrow('aborted');
      await expect.poll(inFlight).toBe(1);
      client.abort();
      await aborted;
      await expect.poll(() => proxy.outcomes()).toEqual(['aborted']);
      const retry = ask(url, PLAIN);
      await expect.poll(inFlight).toBe(1);
      open();
      const second = await retry;
      expect(second).toMatchObject({ status: 200, outcome: 'joined', isBroken: false });
      expect(textIn(second.body)).toBe(ANSWER);
      expect(provider.billedCount()).toBe(1);
    });

    it('a request whose response is lost is billed once with onUnknown hold', async () => {
      const url = await start(['lose'], HOLD);
      for (const wanted of [502, 409, 409]) {
        const { status, body } = await ask(url, PLAIN);
        expect(status).toBe(wanted);
        expect(JSON.parse(body)).toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
      }
      expect(provider.billedCount()).toBe(1);
    });
  });
}

describe("the proxy and OpenAI's SDK", () => {
  const messages = [{ role: 'user' as const, content: 'What is new?' }];
  const sdk = () =>
    new OpenAI({ apiKey: 'account-1', baseURL: `${proxy.url}/v1`, maxRetries: 3, timeout: 1000 });

  it('bills a 429 that it retries once', async () => {
    await start(['429:10']);
    const { choices } = await sdk().chat.completions.create({ model: 'm', messages });
    expect(choices[0]?.message.content).toBe(ANSWER);
    expect(provider.billedCount()).toBe(1);
    await expect.poll(() => proxy.outcomes()).toEqual(['executed', 'executed']);
  });

  it('joins its own request when it retries after a timeout', async () => {
    await start(['late:1500']);
    const { choices } = await sdk().chat.completions.create({ model: 'm', messages });
    expect(choices[0]?.message.content).toBe(ANSWER);
    expect(provider.billedCount()).toBe(1);
    expect(provider.requests).toHaveLength(1);
  });

  it('streams to two clients at once', async () => {
    await start(['slow-stream:20']);
    const texts = await Promise.all(
      [sdk(), sdk()].map(async (client) => {
        let text = '';
        const request = { model: 'm', messages, stream: true } as const;
        for await (const { choices } of await client.chat.completions.create(request)) {
          text += choices[0]?.delta.content ?? '';
        }
        return text;
      }),
    );
    expect(texts).toEqual([ANSWER, ANSWER]);
    expect(provider.billedCount()).toBe(1);
  });

  it('does not retry a request of unknown outcome by itself', async () => {
    await start(['lose']);
    const asked = sdk().chat.completions.create({ model: 'm', messages });
    await expect(asked).rejects.toMatchObject({ status: 502 });
    expect(provider.billedCount()).toBe(1);
  });
});
