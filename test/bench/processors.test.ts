import { describe, expect, it } from 'vitest';

interface Machine {
  folderOf(cpu: string): string;
}
interface Processor {
  readonly cpu: string;
  readonly results: Record<string, Record<string, unknown>>;
}
interface Tables {
  readProcessors(): Processor[];
  renderProcessors(processors: readonly Processor[]): string;
}
interface Target {
  readonly what: string;
  readonly wanted: number;
  readonly reached: number;
  readonly met: boolean;
}
interface Targets {
  targetsOf(result: unknown): Target[];
}

const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const { folderOf }: Machine = await load('machine');
const { readProcessors, renderProcessors }: Tables = await load('tables');
const { targetsOf }: Targets = await load('targets');

describe('the results of processors', () => {
  it.each([
    ['Intel(R) Xeon(R) Processor', 'intel-xeon-processor'],
    ['Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz', 'intel-xeon-e5-2673-v4'],
    ['AMD EPYC 9V74 80-Core Processor', 'amd-epyc-9v74-processor'],
    ['Apple M2', 'apple-m2'],
  ])('of %s are in %s', (cpu, folder) => {
    expect(folderOf(cpu)).toBe(folder);
  });

  it('are in the folder of their processor', () => {
    for (const { cpu, results } of readProcessors()) {
      for (const { group, machine } of Object.values(results)) {
        expect((machine as { cpu: string }).cpu, String(group)).toBe(cpu);
      }
    }
  });

  it('stand side by side if there are two, and each has its tables', () => {
    const [first] = readProcessors() as [Processor];
    const text = renderProcessors([first]);
    const other = {
      cpu: 'Other',
      results: Object.fromEntries(
        ['keyof', 'text-key'].map((group) => {
          const result = structuredClone(first.results[group]) as { machine: { cpu: string } };
          result.machine.cpu = 'Other';
          return [group, result as never];
        }),
      ),
    };
    const both = renderProcessors([first, other]);
    expect(both).toContain(text);
    expect(both).toContain(`| times as fast | ${first.cpu} | Other |`);
    const [sharedRow] = targetsOf(first.results['text-key']) as [Target];
    const figure = `${sharedRow.reached.toFixed(2)} ×`;
    expect(both).toContain(`| ${sharedRow.what} | ${figure} | ${figure} |`);
    expect(both).toMatch(/\n### Other\n/);
    // Not measured there.
    expect(both).toMatch(/over hash-wasm \| [\d.]+ × \| {2}\|/);
  });
});

describe('targets', () => {
  const result = {
    group: 'keyof',
    title: 'keyOf: request object → key',
    cells: [{ id: 'rows', label: '400 rows', bestPeer: 'a peer' }],
    ratios: [
      { of: 'samekey auto', over: 'best peer', byCell: { rows: 2.5 }, mean: 3 },
      { of: 'samekey auto', over: 'JSON.stringify alone', byCell: { rows: 1.3 } },
    ],
  };

  it('compare with what a run has reached, and leave out what it has not measured', () => {
    expect(targetsOf(result)).toEqual([
      expect.objectContaining({
        what: 'keyOf, 400 rows: samekey auto over a peer',
        reached: 2.5,
        met: false,
      }),
      expect.objectContaining({
        what: 'keyOf, geometric mean: samekey auto over best peer',
        reached: 3,
        met: true,
      }),
      expect.objectContaining({
        what: 'keyOf, 400 rows: samekey auto over JSON.stringify alone',
        reached: 1.3,
        met: true,
      }),
    ]);
  });
});
