/** All charts of some results. */
import { chartData } from '../chart-data.mjs';
import { drawBars } from './bars.mjs';
import { drawDots } from './dots.mjs';
import { drawThroughput } from './throughput.mjs';
import { drawTimeline } from './timeline.mjs';

/** @type {Record<string, (data: any) => string>} */
const DRAW = {
  dots: drawDots,
  bars: drawBars,
  throughput: drawThroughput,
  timeline: drawTimeline,
};

/**
 * @param {Record<string, any>} results by group
 * @returns {Map<string, string>} SVG files by name
 */
export const drawCharts = (results) =>
  new Map(
    [...chartData(results)].map(([name, data]) => [
      name,
      /** @type {any} */ (DRAW)[data.kind](data),
    ]),
  );
