import { describe, expect, it } from 'vitest';
import { startProxy } from '../proxy/program.js';
import { expectFailure, folder, samekey } from './program.js';

const files = folder();
const KEYS = `2026-11:${Buffer.alloc(32, 0x5a).toString('base64')}`;
const proxy = (...args: string[]) => ['proxy', '-u', 'http://127.0.0.1:9', ...args];

describe('the proxy refuses a flag that would have no effect:', () => {
  it.each<[readonly string[], string | RegExp]>([
    // A shell replaces a variable that is not set with nothing.
    [['--scope', ''], /^--scope is empty, as after an unset variable/],
    [['--scope', 'a', '--scope', '--dashboard'], /^--scope wants a value, found --dashboard, /],
    [['--pass', ''], '--pass has "", wanted the beginning of a path such as /v1/threads'],
    [['--pass', 'v1/threads'], /^--pass has "v1\/threads", wanted the beginning of a path/],
    [['--pass', 'https://a/v1/threads'], /^--pass has "https:/],
    [['--pass', '/v1/threads/*'], /^--pass has "\/v1\/threads\/\*", wanted/],
    [['--pass', '/a', '--pass', '/b c'], /^--pass has "\/b c", wanted/],
    [
      ['--ignore-header', 'x-attempt:'],
      '--ignore-header has "x-attempt:", wanted the name of a header',
    ],
    [['--ignore-header', 'x-attempt-*'], /^--ignore-header has "x-attempt-\*", wanted/],
    [['--ignore-header', ''], /^--ignore-header has "", wanted/],
    [['--ignore-header', '--dashboard'], /^--ignore-header has "--dashboard", wanted/],
    [['--host', ''], /^Cannot listen on "": the address is empty/],
    [['--dashboard', '0', '--dashboard-host', ''], /^Cannot listen on "": the address is empty/],
    [
      ['--prices', ''],
      /^--prices is empty, as after an unset variable; wanted the name of a file$/,
    ],
    [['--encrypt-file', ''], /^--encrypt-file is empty, as after an unset/],
    [['--config', ''], /^--config is empty, as after an unset variable/],
    [['--store', ''], /^Cannot open the store "": wanted redis:/],
  ])('%j', async (args, message) => {
    expectFailure(await samekey(proxy(...args)), 2, message);
  });
});

describe('no command prints the keys of results that stand in place of their name:', () => {
  it.each([
    proxy('--encrypt-env', KEYS),
    ['batch', 'plan', '--out', 'x', '--encrypt-env', KEYS],
    ['batch', 'record', '--encrypt-env', KEYS],
    ['batch', 'results', '--encrypt-env', KEYS],
    ['batch', 'status', '--encrypt-env', KEYS],
  ])('%s %s %s %s', async (...args) => {
    const run = await samekey(args);
    expectFailure(
      run,
      2,
      /^--encrypt-env wants the name of an environment variable, not the keys$/,
    );
    expect(run.stderr).not.toMatch(/2026|Wlpa/);
  });

  it.each([KEYS, `${KEYS},old:${'A'.repeat(44)}`])('--encrypt-file %s', async (keys) => {
    const run = await samekey(proxy('--encrypt-file', keys));
    expectFailure(run, 2, /^--encrypt-file wants the name of a file, not the keys$/);
    expect(run.stderr).not.toMatch(/2026|Wlpa/);
  });
});

describe('the environment of the proxy', () => {
  it('may have the variables of services of Kubernetes', async () => {
    const started = await startProxy('http://127.0.0.1:9', [], {
      SAMEKEY_PROXY_SERVICE_HOST: '10.96.0.7',
      SAMEKEY_PROXY_SERVICE_PORT: '8787',
      SAMEKEY_PROXY_PORT: 'tcp://10.96.0.7:8787',
      SAMEKEY_PROXY_PORT_8787_TCP_ADDR: '10.96.0.7',
    });
    expect(await started.stop()).toBe(0);
  });

  it('names the file of settings, before which the flag takes precedence', async () => {
    const wrong = files.write('wrong.json', '{"leaseMs":"x"}');
    const right = files.write('right.json', '{"leaseMs":1000}');
    const env = { SAMEKEY_CONFIG: wrong };
    const run = await samekey(proxy(), { env });
    expectFailure(
      run,
      2,
      `SAMEKEY_CONFIG ${wrong}: leaseMs is "x", wanted a whole number from 10 to 2147483647`,
    );
    const missing = await samekey(proxy(), { env: { SAMEKEY_CONFIG: '/no/such/file' } });
    expectFailure(missing, 3, '/no/such/file: no such file');
    const started = await startProxy('http://127.0.0.1:9', ['--config', right], env);
    expect(await started.stop()).toBe(0);
  });

  it('may have empty variables, which are as missing ones', async () => {
    const env = { SAMEKEY_STORE: '', SAMEKEY_CONFIG: '', SAMEKEY_LEASE_MS: '' };
    const started = await startProxy('http://127.0.0.1:9', [], env);
    expect(await started.stop()).toBe(0);
    expect(started.log.find(({ msg }) => msg === 'listening')).toMatchObject({ store: 'memory' });
  });
});
