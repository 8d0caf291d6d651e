import { announce, byId, element } from '../page/element.js';
import { SpeedChart } from './speed-chart.js';
import { type Contender, supportedContenders, supportNotes } from './speed-contenders.js';
import { runSpeed, SIZES, type Times } from './speed-run.js';
import { durationText, findingText, sizeText, throughputText } from './speed-text.js';

/** Connects the tab that runs the benchmark in this browser. */
export function wireSpeedPanel(): void {
  const button = byId<HTMLButtonElement>('speed-run');
  const progress = byId('speed-progress');
  const contenders = supportedContenders();
  const chart = new SpeedChart(byId('speed-chart'));
  let stop: AbortController | undefined;

  const show = (times: Times) => {
    chart.draw(times);
    byId('speed-table').replaceChildren(table(contenders, times));
  };

  const run = async (signal: AbortSignal) => {
    byId('speed-finding').textContent = '';
    button.textContent = 'Stop';
    chart.start(contenders);
    const times = await runSpeed({
      contenders,
      signal,
      onProgress(soFar, fraction) {
        show(soFar);
        progress.textContent = `Running: ${Math.round(fraction * 100)} %`;
      },
    });
    const finding = signal.aborted ? '' : findingText(times, contenders);
    byId('speed-finding').textContent = finding;
    progress.textContent = signal.aborted
      ? 'Stopped.'
      : 'Throughput by message size: medians of five rounds. Higher is better.';
    announce(signal.aborted ? 'Stopped.' : `Done. ${finding}`);
  };

  button.addEventListener('click', async () => {
    if (stop !== undefined) {
      stop.abort();
      return;
    }
    stop = new AbortController();
    try {
      await run(stop.signal);
    } catch (error) {
      progress.textContent = (error as Error).message;
    } finally {
      stop = undefined;
      button.textContent = 'Run again';
    }
  });

  const notes = supportNotes().map((note) => element('li', {}, note));
  byId('speed-notes').replaceChildren(...notes);
  byId('speed-legend').replaceChildren(
    ...contenders.map(({ name, label }) => element('li', {}, swatch(name), label)),
  );
  chart.start(contenders);
  byId('speed-table').replaceChildren(
    table(contenders, { lanes: [], wasm: [], subtle: [], js: [] }),
  );
}

/** Allows a line break after a dot in a narrow column. */
function breakable(name: string): Node[] {
  const parts = name.split(/(?<=\.)/).map((part) => new Text(part));
  return parts.flatMap((part, i) => (i === 0 ? [part] : [element('wbr'), part]));
}

function swatch(name: string): HTMLElement {
  return element('span', { class: `swatch ${name}`, 'aria-hidden': 'true' });
}

/** The figures of the chart as a table. */
function table(contenders: readonly Contender[], times: Times): HTMLTableElement {
  const head = contenders.map(({ name, label }) =>
    element('th', { scope: 'col' }, swatch(name), ...breakable(label)),
  );
  const rows = SIZES.map((size, i) => {
    const all = contenders.map(({ name }) => times[name][i]);
    const best = Math.min(...all.map((ns) => ns ?? Number.POSITIVE_INFINITY));
    const cells = all.map((ns) => {
      if (ns === undefined) return element('td', {}, '–');
      return element(
        'td',
        ns === best ? { class: 'best' } : {},
        element('span', {}, throughputText(size, ns)),
        element('small', {}, durationText(ns)),
      );
    });
    return element('tr', {}, element('th', { scope: 'row' }, sizeText(size)), ...cells);
  });
  return element(
    'table',
    {},
    element('caption', { class: 'unseen' }, 'Throughput, and time for one message, by size'),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Size'), ...head)),
    element('tbody', {}, ...rows),
  );
}
