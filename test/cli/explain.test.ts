import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectFailure, folder, itOnTerminal, onTerminal, samekey } from './program.js';

const files = folder();
const first = files.write(
  'first.json',
  '{"model":"m","n":1,"trace_id":"t-1","image":"AAAA","messages":[{"text":"hello"}]}',
);
const retry = files.write(
  'retry.json',
  '{"messages":[{"text":"hello"}],"image":"AAAA","trace_id":"t-2","n":1.0,"model":"m"}',
);
const other = files.write(
  'other.json',
  '{"model":"m","n":2,"trace_id":"t-1","image":"AAAA","messages":[{"text":"hello"},{"text":"more"}]}',
);
// hashlib.sha256 of the canonical form, written by hand.
const KEY = 'ik_27c349df1a732358466dcec1fc7286ac928be8fba609ae406eec1c7b75c4f1fa';
const KEY_OTHER = 'ik_5408c6a7c59ab9bce360c92c3cdf820967cfdc140a5e4c57ba8c39260e379418';
const KEY_SCOPED = 'ik_80c98b1672a7d705be2d018671c713ca';

const ESCAPE = '\u001b';

describe('samekey explain, one request', () => {
  it('shows the canonical form, excluded members with the reason, and the key', async () => {
    expect(await samekey(['explain', first, '--exclude', 'trace_id'])).toEqual({
      code: 0,
      stderr: '',
      stdout: `${first}

canonical form, 64 bytes
  {"image":"AAAA","messages":[{"text":"hello"}],"model":"m","n":1}

excluded
  /trace_id  by $.trace_id

key, 256 bits
  ${KEY}
`,
    });
  });

  it('shows scopes, digests, a secret and members that are not included', async () => {
    const args = ['-i', '$.messages', '-i', 'image', '--ref', 'image', '-s', 'a', '-s', 'b'];
    const run = await samekey(
      ['explain', first, ...args, '-b', '128', '--secret-env', 'CHECKOUT_SECRET'],
      { env: { CHECKOUT_SECRET: 'correct horse' } },
    );
    expect(run).toEqual({
      code: 0,
      stderr: '',
      stdout: `${first}

canonical form, 113 bytes
  {"image":"sha256:331bed4d0aaca25d9c6abf77cc6438dcd78e880c802412ca4ac66f5f20f54e2f","messages":[{"text":"hello"}]}

excluded
  /model     not included
  /n         not included
  /trace_id  not included

included as a digest
  /image  sha256:331bed4d0aaca25d9c6abf77cc6438dcd78e880c802412ca4ac66f5f20f54e2f

scopes, outermost first
  a
  b

key, 128 bits, HMAC
  ${KEY_SCOPED}
`,
    });
  });

  it('reads standard input', async () => {
    const { stdout, code } = await samekey(['explain', '-'], { input: '[1, 2.0]' });
    expect(code).toBe(0);
    expect(stdout).toContain('standard input\n\ncanonical form, 5 bytes\n  [1,2]\n');
  });

  it('prints long values whole in a pipe', async () => {
    const long = 'x'.repeat(100_000);
    const { stdout } = await samekey(['explain', '-'], { input: JSON.stringify({ long, a: 1 }) });
    expect(stdout).toContain(`\n  {"a":1,"long":"${long}"}\n`);
  });
});

describe('samekey explain, two requests', () => {
  it('reports equal keys, with exit code 0', async () => {
    expect(await samekey(['explain', first, retry, '-x', 'trace_id'])).toEqual({
      code: 0,
      stderr: '',
      stdout: `a  ${first}
   ${KEY}
b  ${retry}
   ${KEY}

excluded from both
  /trace_id  by $.trace_id

The keys are equal.
`,
    });
  });

  it('shows the differences with both values, with exit code 1', async () => {
    expect(
      await samekey(['explain', first, other, '-x', 'trace_id', '-x', '$.messages[1]']),
    ).toEqual({
      code: 1,
      stderr: '',
      stdout: `a  ${first}
   ${KEY}
b  ${other}
   ${KEY_OTHER}

excluded from a
  /trace_id  by $.trace_id

excluded from b
  /messages/1  by $.messages[1]
  /trace_id    by $.trace_id

different
  /n
    a  1
    b  2

The keys differ at 1 path.
`,
    });
    const { stdout, code } = await samekey(['explain', first, other]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      'different\n  /messages/1\n    a  (absent)\n    b  {"text":"more"}\n  /n\n    a  1\n    b  2\n',
    );
    expect(stdout).toContain('The keys differ at 2 paths.\n');
  });

  it('finds two real attempts different, and equal with the preset', async () => {
    const attempts = ['anthropic-messages', 'anthropic-messages-retry'].map((name) =>
      join('examples', `${name}.json`),
    );
    const plain = await samekey(['explain', ...attempts]);
    expect(plain.code).toBe(1);
    expect(plain.stdout).toContain('  /service_tier\n    a  "auto"\n    b  "standard_only"\n');
    const preset = await samekey(['explain', ...attempts, '--preset', 'anthropic']);
    expect(preset.code).toBe(0);
    expect(preset.stdout).toMatch(/\nThe keys are equal\.\n$/);
  });

  it('reads one of them from standard input, but not both', async () => {
    const run = await samekey(['explain', first, '-'], { input: '1' });
    expect(run.stdout).toMatch(/\n {2}\(the whole value\)\n {4}a {2}\{.*\}\n {4}b {2}1\n/);
    expect(run.code).toBe(1);
    expectFailure(
      await samekey(['explain', '-', '-'], { input: '1' }),
      2,
      'standard input can be read only once: wanted a file for A or for B',
    );
  });

  it('exits with code 4, not 1, if one of them is not JSON', async () => {
    const broken = files.write('broken.json', '{"model":"m"');
    expectFailure(
      await samekey(['explain', first, broken]),
      4,
      `${broken}: Cannot read the JSON text at line 1, column 13 (byte 12): found the end, wanted "," or "}"`,
    );
  });
});

describe('foreign text', () => {
  const hostile = files.write(
    'hostile.json',
    JSON.stringify({ [`${ESCAPE}[2Jname\n`]: '\u009b31m', right: '\u202egnirts' }),
  );

  it('cannot control the terminal by a name', async () => {
    const { stdout } = await samekey(['explain', hostile, first, '-x', 'right']);
    expect(stdout).not.toContain(ESCAPE);
    expect(stdout).toContain('  /\\u001b[2Jname\\u000a\n');
    expect(stdout).toContain('    a  "\\u009b31m"\n');
  });

  itOnTerminal('cannot control the terminal by a value', async () => {
    const { stdout } = await onTerminal(['explain', hostile], { env: { NO_COLOR: '1' } });
    expect(stdout).toContain('"right":"\\u202egnirts"}');
    for (const char of [ESCAPE, '\u009b', '\u202e']) expect(stdout).not.toContain(char);
  });
});

describe('colours', () => {
  it('are not used in a pipe without FORCE_COLOR', async () => {
    expect((await samekey(['explain', first, other])).stdout).not.toContain(ESCAPE);
    const forced = await samekey(['explain', first, other], { env: { FORCE_COLOR: '1' } });
    expect(forced.stdout).toContain(`${ESCAPE}[31mThe keys differ at 2 paths.${ESCAPE}[39m`);
    const off = await samekey(['explain', first, other], { env: { FORCE_COLOR: '0' } });
    expect(off.stdout).not.toContain(ESCAPE);
  });

  itOnTerminal('are used on a terminal', async () => {
    const { stdout, code } = await onTerminal(['explain', first, other]);
    expect(stdout).toContain(`${ESCAPE}[31mThe keys differ at 2 paths.${ESCAPE}[39m`);
    expect(code).toBe(1);
    const equal = await onTerminal(['explain', first, retry, '-x', 'trace_id']);
    expect(equal.stdout).toContain(`${ESCAPE}[32mThe keys are equal.${ESCAPE}[39m`);
    expect(equal.code).toBe(0);
  });

  itOnTerminal('are not used with NO_COLOR, or on a dumb terminal', async () => {
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '0' }]) {
      const { stdout } = await onTerminal(['explain', first, other], { env });
      expect(stdout).toContain('The keys differ at 2 paths.');
      expect(stdout).not.toContain(ESCAPE);
    }
  });
});

describe('the width of a terminal', () => {
  const widthOf = (line: string) =>
    [...line].reduce((sum, char) => sum + (/[\u3000-\u9fff]/.test(char) ? 2 : 1), 0);
  const long = files.write(
    'long.json',
    JSON.stringify({ ascii: 'x'.repeat(500), wide: '漢字'.repeat(200), z: [1, 2] }),
  );
  const longer = files.write(
    'longer.json',
    JSON.stringify({ ascii: `${'x'.repeat(300)}y${'x'.repeat(199)}`, wide: '漢字', z: [1, 2] }),
  );

  itOnTerminal('limits long values, and shows one line for each member', async () => {
    const { stdout } = await onTerminal(['explain', long], {
      env: { NO_COLOR: '1' },
      columns: 72,
    });
    const rows = stdout.split('\n').slice(3, 6);
    expect(rows[0]).toMatch(/^ {2}\{"ascii":"x+…$/);
    expect(rows[1]).toMatch(/^ {3}"wide":"[漢字]+…$/);
    expect(rows[2]).toBe('   "z":[1,2]}');
    for (const row of rows.slice(0, 2)) {
      expect(widthOf(row)).toBeGreaterThan(69);
      expect(widthOf(row)).toBeLessThan(73);
    }
  });

  itOnTerminal('says which path excludes a member, in a line of its own if need be', async () => {
    const file = files.write(
      'excluded.json',
      '{"a":1,"trace_identifier":{"of":{"the":"request"}}}',
    );
    const args = ['explain', file, '-x', '$.trace_identifier.of.the'];
    const env = { NO_COLOR: '1' };
    const [narrow, wide] = [
      await onTerminal(args, { env, columns: 40 }),
      await onTerminal(args, { env, columns: 80 }),
    ];
    expect(narrow.stdout).toContain(
      '  /trace_identifier/of/the\n    by $.trace_identifier.of.the\n',
    );
    expect(wide.stdout).toContain('  /trace_identifier/of/the  by $.trace_identifier.of.the\n');
    expect(narrow.stdout).toMatch(/^ {2}ik_[\da-f]{64}$/m);
  });

  itOnTerminal('shows long values around their first difference', async () => {
    const { stdout } = await onTerminal(['explain', long, longer], {
      env: { NO_COLOR: '1' },
      columns: 60,
    });
    expect(stdout).toMatch(/ {4}a {2}…x{40,}…\n {4}b {2}…x{16}yx{20,}…\n/);
    for (const line of stdout.split('\n').slice(4)) expect(widthOf(line)).toBeLessThan(61);
  });
});
