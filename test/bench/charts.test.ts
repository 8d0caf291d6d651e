import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Drawing {
  drawCharts(results: Record<string, unknown>): Map<string, string>;
}
/** The part of a result that this test changes. */
interface Result {
  readonly cells: { medianNs: Record<string, number> }[];
}
interface TableScript {
  readResults(): Record<string, unknown>;
}

const script = (name: string) => import(new URL(`../../bench/${name}`, import.meta.url).href);
const { drawCharts }: Drawing = await script('charts/draw.mjs');
const { readResults }: TableScript = await script('tables.mjs');
const charts = drawCharts(readResults());
const folder = new URL('../../docs/charts/', import.meta.url);
const picture = (name: string) => readFileSync(new URL(name, folder), 'utf8');

/** The contrast of two colours, WCAG 2.2. */
function contrast(...colours: [string, string]): number {
  const [high = 0, low = 0] = colours
    .map((colour) => {
      const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
        const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    })
    .sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** The ground, and the lines that guide the eye. */
const [GROUND, GRID] = ['#ffffff', '#d1d9e0'];

describe('docs/charts', () => {
  it('are exactly those of bench/results', () => {
    expect([...charts.keys()]).toContain('key-of-value.svg');
    expect(readdirSync(folder).sort()).toEqual([...charts.keys()].sort());
  });

  it.each([...charts])('%s shows the numbers of bench/results', (name, svg) => {
    expect(picture(name) === svg, 'run "node bench/charts.mjs"').toBe(true);
  });

  it('change with the results', () => {
    const results = structuredClone(readResults());
    for (const { medianNs } of (results.json as Result).cells) {
      medianNs['samekey auto'] = 10 * (medianNs['samekey auto'] ?? 0);
    }
    const svg = drawCharts(results).get('key-of-json.svg');
    expect(svg).toContain('<title id="title">keyOfJson takes less time than JSON.parse for 0 of 9');
    expect(picture('key-of-json.svg')).not.toContain('for 0 of 9');
  });

  it.each([...charts])('%s has a message, says its unit and names its machine', (name, svg) => {
    const [, title = '', about = ''] =
      /<title[^>]*>(.*)<\/title>\n<desc[^>]*>(.*)<\/desc>/.exec(svg) ?? [];
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="title desc">/);
    expect(title, name).toMatch(/\d/);
    expect(about).toMatch(/[Ll]ower|[Hh]igher|[Ff]urther left|by minute/);
    expect(about).toMatch(/Processor, \d+ cores.*, Node \d+/);
    expect(svg).toMatch(/>[\d.,]+\s(?:×|µs|ms|KB|MB|MB\/s)<\/text>/);
  });

  it.each([...charts])('%s is readable on a phone, in both schemes', (_, svg) => {
    const [, width] = /viewBox="0 0 (\d+)/.exec(svg) ?? [];
    // A page 390 pixels wide shows it with 358: its smallest text has 8.9 pixels or more.
    const sizes = [...svg.matchAll(/font-size="(\d+)"/g)].map(([, size]) => Number(size));
    expect((Math.min(...sizes) * 358) / Number(width)).toBeGreaterThan(8.9);

    const dark = new Map(
      [...svg.matchAll(/\[fill="(#\w+)"\]\{fill:(#\w+)\}/g)].map(([, light, other]) => [
        light,
        other,
      ]),
    );
    const body = svg.slice(svg.indexOf('</style>'));
    const used = (pattern: RegExp) =>
      [...body.matchAll(pattern)]
        .map(([, colour]) => colour as string)
        .filter((colour) => colour !== GROUND && colour !== GRID);
    const texts = used(/<text[^>]* fill="(#\w+)"/g);
    const marks = used(/<(?!text)[^>]* (?:fill|stroke)="(#\w+)"/g);
    expect(Math.min(texts.length, marks.length)).toBeGreaterThan(0);
    for (const [colours, least] of [
      [texts, 4.5],
      [marks, 3],
    ] as const) {
      for (const colour of new Set(colours)) {
        expect(contrast(colour, GROUND as string), colour).toBeGreaterThanOrEqual(least);
        const swapped = [colour, GROUND].map((each) => dark.get(each) as string);
        expect(
          contrast(...(swapped as [string, string])),
          `${colour}, dark`,
        ).toBeGreaterThanOrEqual(least);
      }
    }
  });

  it.each([...charts.keys()])('%s loads nothing and runs no script', (name) => {
    const svg = picture(name);
    expect(svg).not.toMatch(/<script|<image|<foreignObject|\son\w+=|(?:href|src)=|url\(|@import/i);
    expect(svg.length).toBeLessThan(40_000);
  });
});
