/** Prints the result of one group on a terminal. */
import { formatBytes, formatColumns, formatRatio, formatTime } from './format.mjs';
import { tablesOf } from './paired.mjs';
import { median } from './rounds.mjs';

/**
 * @param {any} result as written by `run.mjs` for a group
 * @returns {string}
 */
export function renderResult(result) {
  const title = `${result.title} · ${result.machine.cpu}`;
  const heading = `\n${title}\n${'─'.repeat(title.length)}`;
  const body = result.cells ? renderTimes(result) : renderMeasures(result);
  return [heading, body, ...(result.note ? [result.note] : [])].join('\n');
}

/** @param {any} result */
function renderTimes({ cells, ratios }) {
  const contenders = Object.keys(cells[0].medianNs);
  const rows = [
    [
      '',
      ...cells.map((/** @type {any} */ cell) => cell.label),
      ...(ratios.some(({ mean }) => mean) ? ['mean'] : []),
    ],
    ...contenders.map((name) => [
      name,
      ...cells.map((/** @type {any} */ cell) => formatTime(cell.medianNs[name])),
    ]),
    [],
    ...ratios.map((/** @type {any} */ { of, over, byCell, mean }) => [
      `${of} : ${over}`,
      ...cells.map((/** @type {any} */ cell) => formatRatio(byCell[cell.id])),
      ...(mean ? [formatRatio(mean)] : []),
    ]),
  ];
  return `${formatColumns(rows)}\n${spread(cells)}`;
}

/** Returns how far apart the rounds are, which shows how quiet the machine was. */
function spread(/** @type {any[]} */ cells) {
  const spreads = cells.flatMap(({ roundsNs }) =>
    Object.values(roundsNs).map((values) => {
      return (Math.max(...values) - Math.min(...values)) / median(values);
    }),
  );
  const percent = (/** @type {number} */ part) => `${(part * 100).toFixed(0)} %`;
  return `Slowest to fastest round: ${percent(median(spreads))}, at worst ${percent(Math.max(...spreads))}.`;
}

/** @param {any} result */
function renderMeasures(result) {
  if (result.measures) return tablesOf(result.measures).map(formatColumns).join('\n\n');
  switch (result.group) {
    case 'stream':
      return formatColumns([
        [`${result.gib} GiB`, 'memory grows by', 'throughput'],
        ...result.runs.map((/** @type {any} */ run) => [
          `samekey ${run.engine}`,
          `${run.rssGrowthMiB} MiB`,
          `${run.gbPerSecond} GB/s`,
        ]),
      ]);
    case 'pool':
      return formatColumns([
        [`${result.mib} MiB of JSON lines`, 'throughput', 'over none', 'memory grows by'],
        ...result.runs.map((/** @type {any} */ run) => [
          run.threads === 0 ? 'no pool' : `${run.threads} threads`,
          `${run.mbPerSecond} MB/s`,
          formatRatio(run.overNone),
          `${run.rssGrowthMiB} MiB`,
        ]),
      ]);
    case 'startup':
      return formatColumns([
        [`${result.spawnCount} processes each`, 'median', 'over empty'],
        ...Object.entries(result.medianMs).map(([name, ms]) => [
          name,
          `${ms} ms`,
          name in result.overEmptyMs ? `${result.overEmptyMs[name]} ms` : '',
        ]),
      ]);
    case 'once-scale':
      return result.stores
        .map((/** @type {any} */ { store, recordBytes, ...calls }) =>
          [
            `${store}: ${recordBytes} bytes a record with a result of ${result.resultBytes}`,
            ...Object.entries(calls).map(([how, costs]) => `  ${how}: ${JSON.stringify(costs)}`),
          ].join('\n'),
        )
        .join('\n');
    case 'runtimes':
      return result.runtimes.map(renderRuntime).join('\n\n');
    default:
      return formatColumns([
        ['an import of', 'minified', 'and gzipped'],
        ...result.imports.map((/** @type {any} */ { name, minifiedBytes, gzippedBytes }) => [
          name,
          formatBytes(minifiedBytes),
          formatBytes(gzippedBytes),
        ]),
      ]);
  }
}

const inMs = (/** @type {Record<string, number>} */ { median: middle, mean, least }) =>
  `median ${middle} ms, mean ${mean} ms, least ${least} ms`;

/** @param {any} runtime */
function renderRuntime({
  name,
  version,
  cells,
  ratios,
  notRun,
  subtleFromBytes,
  firstKeyMs,
  parsedKeyMs,
}) {
  const lines = [
    `${name} ${version}`,
    renderTimes({ cells, ratios }),
    ...Object.entries(notRun).map(([contender, why]) => `${contender} did not run: ${why}`),
    `crypto.subtle is faster from ${subtleFromBytes === null ? 'no size' : formatBytes(subtleFromBytes)}`,
    `First key: ${inMs(firstKeyMs)}`,
    ...(parsedKeyMs ? [`The same with parsing: ${inMs(parsedKeyMs)}`] : []),
  ];
  return lines.join('\n');
}

/** @param {readonly import('./targets.mjs').Target[]} targets */
export function renderTargets(targets) {
  const rows = targets.map(({ what, relation, wanted, ambition, reached, unit, met }) => [
    what,
    `${relation} ${wanted} ${unit}`,
    ambition === undefined ? '' : `${ambition} ${unit}`,
    `${reached} ${unit}`,
    met ? 'yes' : 'NO',
  ]);
  const missed = targets.filter(({ met }) => !met).length;
  const title = 'Speed to reach here';
  return [
    `\n${title}\n${'─'.repeat(title.length)}`,
    formatColumns([['', 'wanted', 'ambition', 'reached', ''], ...rows]),
    missed ? `${missed} of ${targets.length} not reached.` : `All ${targets.length} reached.`,
  ].join('\n');
}
