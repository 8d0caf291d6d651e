import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { expectFailure, samekey } from '../cli/program.js';
import { type LogLine, type RunningProxy, startProxy } from './program.js';
import { startBehind, upstream, useProxy } from './scene.js';

useProxy();

const keyOf = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const OLD = `old:${keyOf(1)}`;
const NEW = `new:${keyOf(2)}`;

let folder: string;
const proxies: RunningProxy[] = [];
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((each) => each.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

async function begin(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'samekey-encrypted-'));
  await startBehind(({ count }, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-customer': 'ada' });
    response.end(JSON.stringify({ count, text: 'the secret answer' }));
  });
}

/** Asks a proxy of its own, which has no cache yet. */
async function ask(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const store = ['--store', `lmdb:${join(folder, 'records')}`];
  const proxy = await startProxy(new URL(upstream.url).origin, [...store, ...args], env);
  proxies.push(proxy);
  const response = await fetch(`${proxy.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
    body: '{"model":"m"}',
  });
  const text = await response.text();
  const unreadable = await Promise.all(
    ['hold', 'retry'].map((decision) =>
      proxy.metric(`samekey_proxy_unreadable_total{decision="${decision}"}`),
    ),
  );
  await proxy.stop();
  const { status, headers } = response;
  const warned = proxy.log.filter(({ msg }: LogLine) => msg === 'a stored response cannot be read');
  const [outcome, key] = [headers.get('samekey'), headers.get('samekey-key')];
  return { status, text, outcome, key, warned, unreadable };
}

describe('the proxy', () => {
  it('encrypts what it stores, with the keys of a variable or of a file', async () => {
    await begin();
    const first = await ask(['--encrypt-env', 'SAMEKEY_RESULT_KEYS'], { SAMEKEY_RESULT_KEYS: OLD });
    expect(first).toMatchObject({ status: 200, outcome: 'executed', unreadable: [0, 0] });
    expect(first.text).toContain('the secret answer');
    const files = readdirSync(join(folder, 'records'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = readFileSync(join(folder, 'records', file), 'latin1');
      expect(bytes).not.toMatch(/secret|answer|x-customer|http-response/);
    }
    const path = join(folder, 'keys');
    // As an editor on Windows writes it, and without the end of the last line.
    writeFileSync(path, `\ufeff${NEW}\r\n${OLD}`);
    const replayed = await ask(['--encrypt-file', path]);
    expect(replayed).toMatchObject({ status: 200, outcome: 'replayed', text: first.text });
    const lost = await ask(['--encrypt-env', 'RESULT_KEYS'], { RESULT_KEYS: NEW });
    expect(lost.status).toBe(500);
    expect(JSON.parse(lost.text)).toMatchObject({
      code: 'SAMEKEY_UNREADABLE',
      title: 'The stored response cannot be read',
    });
    expect(lost.text).not.toContain('old');
    expect(lost.warned).toMatchObject([{ decision: 'hold', codec: 'encrypted', keyId: 'old' }]);
    expect(lost.unreadable).toEqual([1, 0]);
    const address = ['--store', `lmdb:${join(folder, 'records')}`];
    const shown = await samekey(['store', 'show', first.key as string, ...address]);
    expect(shown.stdout).toMatch(/^codec +encrypted$/m);
    expect(shown.stdout).toMatch(/^encrypted with +old$/m);
    expect(shown.stdout).toMatch(/^payload +[\d,]+ bytes$/m);
    const asJson = await samekey(['store', 'show', first.key as string, '--json', ...address]);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ codec: 'encrypted', keyId: 'old' });
    expect(JSON.parse(asJson.stdout).payload).toBeUndefined();
    const again = await ask(['--encrypt-env', 'RESULT_KEYS'], {
      RESULT_KEYS: NEW,
      SAMEKEY_ON_UNREADABLE: 'retry',
    });
    expect(again).toMatchObject({ status: 200, outcome: 'executed' });
    expect(again.warned).toMatchObject([{ decision: 'retry' }]);
    expect(again.unreadable).toEqual([0, 1]);
    expect(upstream.requests).toHaveLength(2);
  });

  it('begins with responses that are not encrypted', async () => {
    await begin();
    const env = { RESULT_KEYS: OLD };
    const plain = await ask([]);
    const keys = ['--encrypt-env', 'RESULT_KEYS'];
    expect(await ask([...keys, '--encrypt-plain', 'write'], env)).toMatchObject({
      outcome: 'replayed',
      text: plain.text,
    });
    expect(await ask([...keys, '--encrypt-plain', 'read'], env)).toMatchObject({
      outcome: 'replayed',
      text: plain.text,
    });
    expect((await ask(keys, env)).status).toBe(500);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('samekey proxy refuses', () => {
  const SECRET = keyOf(0x5a);
  const flags = (...more: string[]) => ['proxy', '--upstream', 'http://127.0.0.1:9', ...more];
  const ENV = flags('--encrypt-env', 'RESULT_KEYS');
  const CASES: Record<string, readonly [args: string[], keys: string | undefined, said: string]> = {
    'a variable that is not set': [
      ENV,
      undefined,
      '--encrypt-env RESULT_KEYS: the variable is not set, wanted id:base64[,id:base64…]',
    ],
    'a key of 31 bytes': [
      ENV,
      `${OLD},b:${Buffer.alloc(31, 0x5a).toString('base64')}`,
      '--encrypt-env RESULT_KEYS: key 2 has 31 bytes, wanted 32 bytes in base64, as openssl rand -base64 32 prints them',
    ],
    'a key that is no base64': [
      ENV,
      `b:${SECRET}!`,
      '--encrypt-env RESULT_KEYS: key 1 is neither bytes nor base64 text, wanted 32 bytes in base64, as openssl rand -base64 32 prints them',
    ],
    'a key without an id': [
      ENV,
      `${OLD},${SECRET}`,
      '--encrypt-env RESULT_KEYS: key 2 has no ":", wanted id:base64',
    ],
    'two equal ids': [
      ENV,
      `${OLD},old:${SECRET}`,
      '--encrypt-env RESULT_KEYS: the id of key 2 is that of key 1, wanted different ids of 1 to 32 letters, digits, ".", "_" and "-"',
    ],
    'only commas': [ENV, ' , ', '--encrypt-env RESULT_KEYS: there is no key, wanted id:base64'],
    'a variable and a file': [
      [...ENV, '--encrypt-file', 'keys'],
      OLD,
      '--encrypt-env and --encrypt-file: wanted one of them',
    ],
    '--encrypt-plain without keys': [
      flags('--encrypt-plain', 'read'),
      undefined,
      '--encrypt-plain read: wanted --encrypt-env or --encrypt-file, too',
    ],
    'a file that does not exist': [
      flags('--encrypt-file', '/nowhere/keys'),
      undefined,
      '/nowhere/keys: no such file',
    ],
  };

  it.each(Object.entries(CASES))('%s', async (_, [args, keys, said]) => {
    const run = await samekey(args, { env: keys === undefined ? {} : { RESULT_KEYS: keys } });
    expectFailure(run, said.startsWith('/') ? 3 : 2, said);
    expect(run.stderr).not.toContain(SECRET.slice(0, 12));
  });
});
