import uPlot from 'uplot';
import type { Contender, ContenderName } from './speed-contenders.js';
import { SIZES, type Times } from './speed-run.js';
import { sizeText } from './speed-text.js';

/** Line styles, to distinguish the series without colour. */
const DASHES: Readonly<Record<ContenderName, number[]>> = {
  lanes: [],
  wasm: [],
  subtle: [7, 4],
  js: [2, 3],
};

const HEIGHT = 320;

/** A chart of throughput by message size, on logarithmic axes. It is updated during the run. */
export class SpeedChart {
  readonly #root: HTMLElement;
  #contenders: readonly Contender[] = [];
  #times: Times | undefined;
  #plot: uPlot | undefined;

  constructor(root: HTMLElement) {
    this.#root = root;
    new ResizeObserver(() => this.#resize()).observe(root);
    // uPlot takes the colours when it is created.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#create());
  }

  start(contenders: readonly Contender[]): void {
    this.#contenders = contenders;
    this.#times = undefined;
    this.#create();
  }

  draw(times: Times): void {
    this.#times = times;
    this.#plot?.setData(this.#data());
  }

  #data(): uPlot.AlignedData {
    const series = this.#contenders.map(({ name }) =>
      SIZES.map((size, i) => {
        const ns = this.#times?.[name][i];
        return ns === undefined ? null : (size / ns) * 1000;
      }),
    );
    return [[...SIZES], ...series];
  }

  #width(): number {
    return this.#root.clientWidth;
  }

  #resize(): void {
    if (this.#width() === 0) return;
    if (this.#plot === undefined) this.#create();
    else if (this.#plot.width !== this.#width()) {
      this.#plot.setSize({ width: this.#width(), height: HEIGHT });
    }
  }

  #create(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    if (this.#width() === 0) return;
    const style = getComputedStyle(this.#root);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis: uPlot.Axis = {
      stroke: colour('ink-2'),
      font: `12px ${style.fontFamily}`,
      labelFont: `12px ${style.fontFamily}`,
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: this.#width(),
        height: HEIGHT,
        padding: [12, 16, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, distr: 3, log: 2, range: () => [48, 1_400_000] },
          y: { distr: 3, log: 10, range: (_, low, high) => decades(low, high) },
        },
        axes: [
          {
            ...axis,
            size: 34,
            splits: () => [...SIZES],
            filter: (_, splits) => splits,
            values: (_, splits) => splits.map((size, i) => this.#tick(size, i)),
          },
          {
            ...axis,
            size: 62,
            splits: (_, __, low, high) => powersOfTen(low, high),
            values: (_, splits) => splits.map(throughputTick),
          },
        ],
        series: [
          {},
          ...this.#contenders.map(({ name, label }) => ({
            label,
            stroke: colour(`series-${name}`),
            width: 2,
            dash: DASHES[name],
            points: { show: true, size: 6, fill: colour(`series-${name}`) },
          })),
        ],
      },
      this.#data(),
      this.#root,
    );
  }

  /** Labels every second size if the chart is narrow. */
  #tick(size: number, at: number): string {
    return this.#width() < 560 && at % 2 === 1 ? '' : sizeText(size);
  }
}

/** Extends a range to powers of ten, so that grid lines fit it. */
function decades(low: number | null, high: number | null): [number, number] {
  if (!low || !high) return [1, 1000];
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
}

function powersOfTen(low: number, high: number): number[] {
  const first = Math.round(Math.log10(low));
  return Array.from(
    { length: Math.round(Math.log10(high)) - first + 1 },
    (_, i) => 10 ** (first + i),
  );
}

function throughputTick(value: number): string {
  return value >= 1000 ? `${value / 1000} GB/s` : `${value} MB/s`;
}
