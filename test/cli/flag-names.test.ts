/** A message on the command line names flags and files, never an option or a function of the library. */
import { expect, it } from 'vitest';
import * as library from '../../src/index.js';
import type { OptionSpecs } from '../../src/options/spec.js';
import { deep } from '../depth.js';
import { expectFailure, folder, type Run, samekey } from './program.js';

const script = new URL('../options/tables.mjs', import.meta.url);
const { readSpecs }: { readSpecs(): Promise<Record<string, OptionSpecs>> } = await import(
  script.href
);
const specs = await readSpecs();

/** Names in camel case: of all options of all functions, of these functions, and of what samekey exports. */
const OPTIONS = [
  'maxDepth',
  'bigNumbers',
  'lengthMs',
  ...Object.values(specs).flatMap(Object.keys),
];
const FUNCTIONS = [...Object.keys(specs), ...Object.keys(library), 'migrate'];
const CAMEL = [...new Set([...OPTIONS, ...FUNCTIONS])].filter((name) => /[a-z][A-Z]/.test(name));
/** The beginning of the library's messages about an option. */
const ABOUT_OPTION =
  /options of \w|Cannot define the identity|Cannot use the configuration: [a-z]|[a-z]\(\)/;

const files = folder();
const good = files.write('good.json', '{"a":1}');
const empty = files.write('empty.db', '');
const log = files.write('log.jsonl', '{"key":"a","body":{"a":1}}\n');
const requests = files.write('requests.jsonl', '{"params":{"model":"m","messages":[]}}\n');

/** The command lines that the flag to be tested is added to. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  key: [good],
  keys: [log],
  explain: [good],
  check: [good],
  audit: [log, '--request-field', 'body'],
  engine: [],
  playground: ['--host', '203.0.113.1'],
  'store ls': [],
  'store show': ['ik_1'],
  'store evict': ['ik_1'],
  'store sql': [],
  'batch plan': [
    requests,
    '--store',
    `sqlite:${files.path}/plan.db`,
    '--out',
    `${files.path}/plan`,
  ],
  'batch record': [requests],
  'batch results': [requests],
  'batch status': [],
  'batch drop': ['ik_1'],
  dashboard: ['--host', '203.0.113.1'],
  // No machine has this address (RFC 5737), so the proxy ends where it would listen.
  proxy: ['--upstream', 'https://api.example.com', '--host', '203.0.113.1'],
};
/** Paths with parts that are refused, names with characters that are refused, words out of a list. */
const VALUES = deep(['$'], ['a;b']);

function expectNoOption({ stderr }: Run): void {
  const words = stderr.match(/[A-Za-z]\w+/g) ?? [];
  expect(words.filter((word) => CAMEL.includes(word))).toEqual([]);
  expect(stderr).not.toMatch(ABOUT_OPTION);
}

it.each(Object.entries(COMMANDS))(
  'samekey %s: every flag with values that are refused',
  async (name, args) => {
    const { stdout } = await samekey([...name.split(' '), '--help']);
    const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+) [<[]/gm)].map(
      ([, flag]) => flag as string,
    );
    let refusedCount = 0;
    for (const flag of flags) {
      for (const value of VALUES) {
        const run = await samekey([...name.split(' '), ...args, flag, value], { cwd: files.path });
        expectNoOption(run);
        if (run.code !== 0) refusedCount++;
      }
    }
    if (flags.length > 0) expect(refusedCount).toBeGreaterThan(0);
  },
);

it.each<[string, readonly string[], number, RegExp]>([
  ['a path that excludes everything', ['key', good, '-x', '$'], 2, /^--exclude names "\$"/],
  [
    'a store’s table',
    ['store', 'ls', '--store', `sqlite:${empty}`, '--table', 'a b'],
    2,
    /^--table is "a b", wanted letters/,
  ],
  ['the table of SQL', ['store', 'sql', '--table', 'a b'], 2, /^--table is "a b", wanted letters/],
  [
    'a preset of the proxy',
    ['proxy', '-u', 'http://x', '-p', 'nope'],
    2,
    /^--preset has "nope", wanted some of/,
  ],
  ['a path of the proxy', ['proxy', '-u', 'http://x', '-x', '$'], 2, /^--exclude names "\$"/],
  [
    'the upstream of the proxy',
    ['proxy', '-u', 'ftp://x'],
    2,
    /^--upstream: its scheme is ftp:, wanted an address/,
  ],
  [
    'a number of threads',
    ['keys', good, '--threads', '5000'],
    2,
    /'-t, --threads <count>'.* from 1 to 1024/,
  ],
])('names the flag of %s', async (_, args, code, message) => {
  const run = await samekey(args);
  expectFailure(run, code, message);
  expectNoOption(run);
});

it('names the flag for an integer that is too large, in every command that reads requests', async () => {
  const large = '{"a":9007199254740993}';
  for (const args of [
    ['key'],
    ['explain', '-'],
    ['keys'],
    ['keys', '--skip-invalid'],
    ['audit', '-r', '$'],
  ]) {
    const run = await samekey([...args, '--big-numbers', 'error'], { input: large });
    expect(run.stderr).toContain('or --big-numbers digits or double');
    expectNoOption(run);
  }
});

it('names the flag for a request of a batch with an integer that is too large', async () => {
  const input = '{"params":{"a":9007199254740993}}';
  const args = [
    'batch',
    'plan',
    '--store',
    `sqlite:${files.path}/big.db`,
    '--out',
    `${files.path}/big`,
  ];
  const run = await samekey([...args, '--big-numbers', 'error'], { input });
  expectFailure(run, 4, /: line 1: .* or --big-numbers digits or double$/);
});

it.each([
  ['{"leaseMs":"x"}', /^--config \S+: leaseMs is "x", wanted a whole number/],
  ['\ufeff{"leaseMs":"x"}', /^--config \S+: leaseMs is "x", wanted/],
  ['{"leaseMs":', /^--config \S+: the text is not JSON/],
  ['{"presets":["nope"]}', /^--config \S+: presets has "nope", wanted/],
])('names the member of the file of the proxy: %s', async (content, message) => {
  const file = files.write('samekey.json', content);
  expectFailure(await samekey(['proxy', '-u', 'http://x', '--config', file]), 2, message);
});

it('names the variable of the environment', async () => {
  const env = { SAMEKEY_LEASE_MS: 'x' };
  expectFailure(await samekey(['proxy', '-u', 'http://x'], { env }), 2, /SAMEKEY_LEASE_MS/);
});
