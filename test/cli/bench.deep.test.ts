import { afterEach, describe, expect, it } from 'vitest';
import { type Case, createCases, findFault } from '../../src/cli/bench-cases.js';
import { listEngines, useEngine } from '../../src/index.js';
import { expectFailure, itOnTerminal, onTerminal, samekey } from './program.js';

const ESCAPE = '\u001b';
const BAR = /[█▏▎▍▌▋▊▉]/;
/** A line with figures ends with a rate, and on a terminal with a bar after it. */
const FIGURES = / (\d{1,4}(?:\.\d+)? (?:ns|µs|ms)) +(\d+(?:\.\d+)? MB\/s)(?: +([█▏▎▍▌▋▊▉]+))?$/;

const cases = createCases();
const shape = cases.map(({ group, label, byteCount, contenders }) => ({
  group,
  label,
  byteCount,
  names: contenders.map(({ name }) => name),
}));

afterEach(() => useEngine('auto'));

describe('samekey bench', () => {
  it('prints a table of all cases, plain in a pipe', async () => {
    const { code, stdout, stderr } = await samekey(['bench', '--quick']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain(ESCAPE);
    expect(stdout).not.toMatch(BAR);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/, \d+ cores, \w+ \w+, Node \d+\.\d+\.\d+$/);
    expect(lines[1]).toBe('All outputs are correct. Medians of one round; less time is better.');
    const rows = lines.filter((line) => FIGURES.test(line));
    expect(rows.map((row) => row.slice(0, -22).trim().replace(/ {2,}/g, ': '))).toEqual(
      shape.flatMap(({ label, names }) =>
        names.map((name, i) => (i === 0 ? `${label}: ${name}` : name)),
      ),
    );
    expect(new Set(rows.map(({ length }) => length)).size).toBe(1);
    expect(lines.filter((line) => / → key$/.test(line))).toEqual([
      ...new Set(shape.map(({ group }) => group)),
    ]);
  });

  it('prints the same as JSON', async () => {
    const { code, stdout, stderr } = await samekey(['bench', '--quick', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const { machine, rounds, cases: timed } = JSON.parse(stdout);
    expect(machine.node).toBe(process.versions.node);
    expect(Object.keys(machine)).toEqual(['cpu', 'cores', 'platform', 'node']);
    expect(rounds).toBe(1);
    type Timed = { name: string; medianNs: unknown };
    expect(
      timed.map(({ times, ...rest }: { times: Timed[] }) => ({
        ...rest,
        names: times.map(({ name }) => name),
      })),
    ).toEqual(shape);
    for (const { medianNs } of timed.flatMap(({ times }: { times: Timed[] }) => times)) {
      expect(medianNs).toBeGreaterThan(0);
    }
  });

  // 7 s, because it measures everything without a compiler.
  it('omits an engine that does not work', async () => {
    const nodeOptions = ['--jitless', '--no-expose-wasm'];
    const { code, stdout } = await samekey(['bench', '--quick'], { nodeOptions });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +keyOf, js /m);
    expect(stdout).not.toContain('wasm');
  });

  it('refuses unknown arguments', async () => {
    expectFailure(await samekey(['bench', 'all']), 2, /see samekey help bench$/);
  });

  itOnTerminal('draws bars on a terminal, the longest one for the slowest', async () => {
    const { stdout } = await onTerminal(['bench', '--quick'], { env: { NO_COLOR: '1' } });
    expect(stdout).not.toContain(ESCAPE);
    const rows = stdout.split('\n').flatMap((line) => FIGURES.exec(line) ?? []);
    expect(rows.length).toBe(4 * shape.flatMap(({ names }) => names).length);
    expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
    const longest = stdout.split('\n').filter((line) => line.includes('█'.repeat(16)));
    expect(longest.length).toBeGreaterThanOrEqual(shape.length);
  });

  itOnTerminal('highlights the rows of samekey, and cuts rows on a narrow terminal', async () => {
    const { stdout } = await onTerminal(['bench', '--quick'], { columns: 40 });
    expect(stdout).toContain(`${ESCAPE}[1m`);
    expect(stdout).not.toMatch(BAR);
    const plain = stdout.replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '');
    const rows = plain.split('\n').filter((line) => line.endsWith('…'));
    expect(rows.length).toBe(shape.flatMap(({ names }) => names).length);
    expect(Math.max(...rows.map(({ length }) => length))).toBe(40);
  });
});

describe('the cases of samekey bench', () => {
  it('compare samekey on every engine with Node.js itself, in three groups', () => {
    expect(listEngines().map(({ name }) => name)).toEqual(['native', 'wasm', 'js']);
    expect(shape.filter(({ label }) => label === '64 B' || label === 'small chat')).toEqual([
      {
        group: 'bytes → key',
        label: '64 B',
        byteCount: 64,
        names: ['sha256Hex', 'sha256Hex, wasm', 'sha256Hex, js', 'crypto.hash'],
      },
      {
        group: 'request object → key',
        label: 'small chat',
        byteCount: expect.any(Number),
        names: ['keyOf', 'keyOf, wasm', 'keyOf, js', 'JSON.stringify alone', 'crypto.hash alone'],
      },
      {
        group: 'raw body → key',
        label: 'small chat',
        byteCount: expect.any(Number),
        names: [
          'keyOfJson',
          'keyOfJson, wasm',
          'keyOfJson, js',
          'JSON.parse, JSON.stringify',
          'crypto.hash alone',
        ],
      },
    ]);
  });

  const named = cases.map((each): [string, Case] => [`${each.group}, ${each.label}`, each]);

  it.each(named)('%s: all outputs are correct, and they all differ', (_, each) => {
    expect(findFault(each)).toBeUndefined();
    expect(new Set(each.expected).size).toBe(each.inputs.length);
    // A power of two, as the loop over the inputs requires.
    expect(each.inputs.length & (each.inputs.length - 1)).toBe(0);
  });

  it.each(named)('%s: a wrong output of any contender is found', (_, each) => {
    for (const wrong of each.contenders) {
      const contenders = each.contenders.map((contender) =>
        contender === wrong
          ? { ...contender, checked: (output: string) => contender.checked(output).toUpperCase() }
          : contender,
      );
      expect(findFault({ ...each, contenders })).toMatch(`${wrong.name} returned `);
    }
    const last = each.expected.length - 1;
    const expected = each.expected.with(last, 'a'.repeat(64));
    expect(findFault({ ...each, expected })).toMatch(/, wanted a{64}$/);
  });
});
