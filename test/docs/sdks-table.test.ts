import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly version: string;
  readonly attempts?: { readonly isKeyEqual: boolean };
  readonly lasting500: { readonly plain: number; readonly samekey: number };
  readonly lostReply: Readonly<Record<'plain' | 'samekey' | 'hold', number | string>>;
  readonly lateAnswer?: { readonly samekey: number; readonly samekeyEnd: string };
  readonly cleanCut: Cut;
  readonly reset: Cut;
  readonly isKeyOfProcesses: boolean;
  readonly equalCalls: Readonly<Record<string, number | string | boolean>>;
}
interface Cut {
  readonly plain: string;
  readonly samekey: string;
  readonly again: string;
  readonly isSentAgain: boolean;
}
interface SdksTable {
  readResults(): Row[];
  replaceTables(page: string, rows: readonly Row[]): string;
}

const script = new URL('../sdks/table.mjs', import.meta.url);
const { readResults, replaceTables }: SdksTable = await import(script.href);
const rows = readResults();

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('docs/sdks.md shows exactly the measurements of test/sdks/results.json', () => {
  const page = read('docs/sdks.md');
  // `replaceTables` throws if the page has no markers.
  expect(page).toBe(replaceTables(page, rows));
});

it('every package of test/sdks is pinned, and its version is the one that was measured', () => {
  const { dependencies } = JSON.parse(read('test/sdks/package.json'));
  const versions = Object.values<string>(dependencies).map((range) =>
    range.replace(/^npm:.*@/, ''),
  );
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(rows.filter(({ version }) => !versions.includes(version))).toEqual([]);
});

it.each(rows)('$name: one call for equal requests, one key for all attempts', (row) => {
  const { attempts, lasting500, lostReply, lateAnswer, equalCalls, isKeyOfProcesses } = row;
  expect(equalCalls).toEqual({
    answer: 'call 1',
    replayed: 'call 1',
    sequence: 1,
    atOnce: 1,
    streamed: 'call 1',
    streams: 1,
    isKeyOfInstances: true,
  });
  expect(attempts?.isKeyEqual ?? true).toBe(true);
  expect(isKeyOfProcesses).toBe(true);
  expect(lasting500.samekey).toBe(lasting500.plain);
  expect(lostReply).toEqual({ ...lostReply, samekey: lostReply.plain, hold: 1 });
  if (lateAnswer !== undefined)
    expect(lateAnswer).toMatchObject({ samekey: 1, samekeyEnd: 'call 1' });
});

it.each(rows)('$name: half a stream is an error, and is not stored', ({ cleanCut, reset }) => {
  expect(cleanCut.samekey).toContain('SAMEKEY_BROKEN_RESPONSE');
  expect(reset.samekey).toBe(reset.plain);
  for (const cut of [cleanCut, reset]) {
    expect(cut).toMatchObject({ again: 'call 2', isSentAgain: true });
  }
});
