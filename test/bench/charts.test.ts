import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface ChartScript {
  chartData(results: Record<string, unknown>): Map<string, unknown>;
  isSealed(svg: string, data: unknown): boolean;
}
interface TableScript {
  readResults(): Record<string, unknown>;
}

const script = (name: string) => import(new URL(`../../bench/${name}`, import.meta.url).href);
const { chartData, isSealed }: ChartScript = await script('chart-data.mjs');
const { readResults }: TableScript = await script('tables.mjs');
const charts = chartData(readResults());
const folder = new URL('../../docs/charts/', import.meta.url);
const picture = (name: string) => readFileSync(new URL(name, folder), 'utf8');

describe('docs/charts', () => {
  it('are exactly those of bench/results', () => {
    expect([...charts.keys()]).toContain('key-of-value.svg');
    expect(readdirSync(folder).sort()).toEqual([...charts.keys()].sort());
  });

  it.each([...charts])('%s shows the numbers of bench/results', (name, data) => {
    expect(existsSync(new URL(name, folder)), 'run "node bench/charts.mjs"').toBe(true);
    expect(isSealed(picture(name), data), 'run "node bench/charts.mjs"').toBe(true);
  });

  it.each([...charts])('a change of %s is detected', (name, data) => {
    const svg = picture(name);
    expect(isSealed(svg, { ...(data as object), title: 'of other results' })).toBe(false);
    expect(isSealed(svg.replace('</text>', '!</text>'), data)).toBe(false);
  });

  it.each([...charts.keys()])('%s loads nothing and runs no script', (name) => {
    const svg = picture(name);
    expect(svg).not.toMatch(/<script|<image|<foreignObject|\son\w+=|(?:href|src)=|url\(|@import/i);
    expect(svg.length).toBeLessThan(40_000);
  });
});
