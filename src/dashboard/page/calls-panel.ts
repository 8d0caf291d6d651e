import { byId, chosen, element } from '../../page/element.js';
import { duration } from '../../text/duration.js';
import type { Bucket, OutcomeCounts } from '../messages.js';
import { CallsChart } from './calls-chart.js';
import { countText } from './figures.js';
import type { LiveState } from './live-state.js';
import { NO_CALLS, OUTCOMES, plus } from './outcomes.js';
import { timeText } from './server-clock.js';
import { setText } from './text-change.js';

const MINUTE_MS = 60_000;
const WINDOWS_MS = [5, 15, 60, 360, 1440].map((minutes) => minutes * MINUTE_MS);
/** `15 min`, `1 h`. */
const windowText = (ms: number) => (ms < 60 * MINUTE_MS ? `${ms / MINUTE_MS} min` : duration(ms));
/** More rows are of no use to a reader. */
const FIGURE_ROWS = 60;

/** Calls over time: totals by outcome, a chart, and its figures as a table. */
export class CallsPanel {
  readonly #state: LiveState;
  readonly #chart: CallsChart;
  readonly #figures = byId<HTMLDetailsElement>('calls-figures');
  readonly #figuresTable = element('table');
  #windows = '';
  #windowMs = 0;
  #steps: readonly Bucket[] = [];
  #pointed: Bucket | undefined;

  constructor(state: LiveState) {
    this.#state = state;
    this.#chart = new CallsChart(byId('calls-chart'), (step) => {
      this.#pointed = step;
      this.#drawLegend();
    });
    byId('calls-windows').addEventListener('change', () => {
      this.#windowMs = Number(chosen('window'));
      this.draw();
    });
    const label = 'Figures of the chart';
    byId('calls-figures-table').append(
      element(
        'div',
        { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': label },
        this.#figuresTable,
      ),
    );
    this.#figures.addEventListener('toggle', () => this.draw());
  }

  draw(): void {
    const { overview, latest, buckets, clock } = this.#state;
    if (overview === undefined || latest === undefined) return;
    byId('calls').hidden = !overview.hasCalls;
    if (!overview.hasCalls) return;
    this.#offerWindows(buckets.capacityMs);
    this.#steps = buckets.steps(this.#windowMs, this.#chart.maxSteps, clock.nowMs());
    this.#chart.draw(this.#steps);
    byId('calls-none').hidden = this.#steps.some(({ counts }) => isAny(counts));
    this.#drawLegend();
    if (this.#figures.open) this.#drawFigures();
  }

  #offerWindows(capacityMs: number): void {
    const offered = [...WINDOWS_MS.filter((ms) => ms < capacityMs), capacityMs];
    if (this.#windows === offered.join()) return;
    this.#windows = offered.join();
    if (!offered.includes(this.#windowMs))
      this.#windowMs = offered[Math.min(1, offered.length - 1)] as number;
    const labels = offered.map((ms) => {
      const radio = element('input', { type: 'radio', name: 'window', value: String(ms) });
      radio.checked = ms === this.#windowMs;
      return element('label', {}, radio, ` ${windowText(ms)}`);
    });
    byId('calls-windows').replaceChildren(
      element('legend', { class: 'unseen' }, 'How much time the chart shows'),
      ...labels,
    );
  }

  /** The totals, and the counts of the step under the pointer or of the whole chart. */
  #drawLegend(): void {
    const { overview, latest } = this.#state;
    if (overview === undefined || latest === undefined) return;
    const pointed = this.#steps.find(({ startMs }) => startMs === this.#pointed?.startMs);
    const counts =
      pointed?.counts ?? this.#steps.reduce((sum, step) => plus(sum, step.counts), NO_CALLS);
    const stepMs = this.#stepMs();
    const span = pointed === undefined ? windowText(this.#windowMs) : duration(stepMs);
    for (const { name } of OUTCOMES) {
      const root = byId(`outcome-${name}`);
      setText(root.querySelector('.value') as Node, countText(latest.totals[name]));
      setText(root.querySelector('.note') as Node, `${countText(counts[name])} in ${span}`);
    }
    const since = overview.source === 'store' ? 'of the whole log' : 'since the server started';
    const whole = `Bars: calls in ${duration(stepMs)}. Totals: ${since}.`;
    const text =
      pointed === undefined
        ? whole
        : `${timeText(pointed.startMs)} to ${timeText(pointed.startMs + stepMs)}`;
    setText(byId('calls-caption'), text);
  }

  #stepMs(): number {
    const [first, second] = this.#steps;
    return first === undefined || second === undefined ? 1000 : second.startMs - first.startMs;
  }

  #drawFigures(): void {
    const rows = this.#steps
      .filter(({ counts }) => isAny(counts))
      .slice(-FIGURE_ROWS)
      .reverse()
      .map(({ startMs, counts }) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, timeText(startMs)),
          ...OUTCOMES.map(({ name }) => element('td', {}, countText(counts[name]))),
        ),
      );
    const head = ['From', ...OUTCOMES.map(({ name }) => name)];
    this.#figuresTable.replaceChildren(
      element('caption', { class: 'unseen' }, 'The bars of the chart, latest first'),
      element(
        'thead',
        {},
        element('tr', {}, ...head.map((title) => element('th', { scope: 'col' }, title))),
      ),
      element('tbody', {}, ...rows),
    );
  }
}

const isAny = (counts: OutcomeCounts) => OUTCOMES.some(({ name }) => counts[name] > 0);
