import uPlot from 'uplot';
import type { Bucket } from '../messages.js';
import { OUTCOMES } from './outcomes.js';
import { minuteText, timeText } from './server-clock.js';

const HEIGHT = 240;
/** The narrowest bar that is easy to see, with its gap. */
const BAR_PIXELS = 8;
const TICK_PIXELS = 90;

/** Bars of calls over time, one colour for each outcome, on top of each other. */
export class CallsChart {
  readonly #root: HTMLElement;
  readonly #onPoint: (step: Bucket | undefined) => void;
  #steps: readonly Bucket[] = [];
  #plot: uPlot | undefined;

  /** `onPoint` is called with the step under the pointer. */
  constructor(root: HTMLElement, onPoint: (step: Bucket | undefined) => void) {
    this.#root = root;
    this.#onPoint = onPoint;
    new ResizeObserver(() => this.#resize()).observe(root);
    // uPlot takes the colours when it is created.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#create());
  }

  /** How many bars fit. */
  get maxSteps(): number {
    return Math.max(20, Math.floor(this.#root.clientWidth / BAR_PIXELS));
  }

  draw(steps: readonly Bucket[]): void {
    this.#steps = steps;
    if (this.#plot === undefined) this.#create();
    else this.#plot.setData(this.#data());
  }

  /** The height of each outcome includes those below it. The highest is drawn first. */
  #data(): uPlot.AlignedData {
    const times = this.#steps.map(({ startMs }) => startMs / 1000);
    const heights = new Array<number>(times.length).fill(0);
    const series = OUTCOMES.map(({ name }) =>
      this.#steps.map(({ counts }, at) => {
        const height = (heights[at] ?? 0) + counts[name];
        heights[at] = height;
        return height;
      }),
    );
    return [times, ...series.reverse()];
  }

  #resize(): void {
    const { clientWidth } = this.#root;
    if (clientWidth === 0) return;
    if (this.#plot === undefined) this.#create();
    else if (this.#plot.width !== clientWidth) {
      this.#plot.setSize({ width: clientWidth, height: HEIGHT });
    }
  }

  #create(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    const width = this.#root.clientWidth;
    if (width === 0 || this.#steps.length === 0) return;
    const style = getComputedStyle(this.#root);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis: uPlot.Axis = {
      stroke: colour('ink-2'),
      font: `12px ${style.fontFamily}`,
      ticks: { show: false },
    };
    const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
    this.#plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [10, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        hooks: { setCursor: [({ cursor }) => this.#point(cursor.idx)] },
        scales: {
          x: { time: false, range: () => this.#range() },
          y: { range: (_, __, high) => [0, Math.max(4, (high ?? 0) * 1.08)] },
        },
        axes: [
          {
            ...axis,
            size: 30,
            space: TICK_PIXELS,
            grid: { show: false },
            incrs: [
              1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
            ],
            values: (_, times, __, ___, gap) =>
              times.map((time) => (gap < 60 ? timeText : minuteText)(time * 1000)),
          },
          {
            ...axis,
            size: 52,
            grid: { stroke: colour('line'), width: 1 },
            incrs: [1, 2, 5]
              .flatMap((n) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((e) => n * 10 ** e))
              .sort((a, b) => a - b),
            values: (_, counts) => counts.map((count) => count.toLocaleString('en-US')),
          },
        ],
        series: [
          {},
          ...[...OUTCOMES].reverse().map(({ name }) => ({
            label: name,
            fill: colour(`outcome-${name}`),
            stroke: colour(`outcome-${name}`),
            width: 0,
            points: { show: false },
            ...(bars !== undefined && { paths: bars }),
          })),
        ],
      },
      this.#data(),
      this.#root,
    );
  }

  #point(at: number | null | undefined): void {
    this.#onPoint(at === null || at === undefined ? undefined : this.#steps[at]);
  }

  /** From the start of the first step to the end of the last one, in seconds. */
  #range(): [number, number] {
    const [first, second] = this.#steps;
    if (first === undefined) return [0, 1];
    const stepMs = second === undefined ? 1000 : second.startMs - first.startMs;
    return [first.startMs / 1000, (first.startMs + stepMs * this.#steps.length) / 1000];
  }
}
