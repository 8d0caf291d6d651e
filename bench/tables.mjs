/** The tables of keys and digests in docs/benchmarks.md, made from the committed results. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { formatBytes, formatRate, formatRatio, formatTime } from './format.mjs';
import { groupNames } from './groups/index.mjs';
import { STABLE_STRINGIFY } from './groups/peers.mjs';
import { targetsOf } from './targets.mjs';

/** @typedef {Record<string, any>} Results a group's result by the group's name */

const RESULTS = new URL('results/', import.meta.url);
/** They take long, so they are no groups of `run.mjs`: the folders of these names measure them. */
const LONG = ['soak', 'full-store'];

/**
 * The results of the processor that has the most, which the charts and docs/scale.md show.
 *
 * @param {URL} [directory] of one processor
 * @returns {Results}
 */
export function readResults(directory) {
  return directory ? resultsIn(directory) : (readProcessors()[0]?.results ?? {});
}

/**
 * @param {URL} [directory] with a folder for each processor, see `folderOf`
 * @returns {{ cpu: string, results: Results }[]} the processor with the most results first
 */
export function readProcessors(directory = RESULTS) {
  return readdirSync(directory)
    .sort()
    .map((folder) => resultsIn(new URL(`${folder}/`, directory)))
    .filter((results) => Object.keys(results).length > 0)
    .map((results) => ({ cpu: Object.values(results)[0].machine.cpu, results }))
    .sort((a, b) => Object.keys(b.results).length - Object.keys(a.results).length);
}

/**
 * @param {URL} directory
 * @returns {Results}
 */
function resultsIn(directory) {
  return Object.fromEntries(
    [...groupNames, ...LONG].flatMap((name) => {
      const file = new URL(`${name}.json`, directory);
      return existsSync(file) ? [[name, JSON.parse(readFileSync(file, 'utf8'))]] : [];
    }),
  );
}

/**
 * @param {ReturnType<typeof readProcessors>} processors
 * @returns {string} Markdown: the ratios side by side, then all tables of each processor
 */
export function renderProcessors(processors) {
  if (processors.length === 1) return renderTables(processors[0]?.results ?? {});
  const reached = processors.map(({ results }) =>
    Object.fromEntries(
      Object.values(results)
        .filter(({ group, cells }) => isOfKeys(group) && cells)
        .flatMap(targetsOf)
        .map(({ what, reached }) => [what.replace(OF_PEER, ' over the best peer'), reached]),
    ),
  );
  const rows = [...new Set(reached.flatMap(Object.keys))];
  return [
    table(
      ['times as fast', ...processors.map(({ cpu }) => cpu)],
      rows.map((row) => [
        row,
        ...reached.map((each) => (row in each ? formatRatio(each[row]) : '')),
      ]),
    ),
    ...processors.map(({ cpu, results }) => `### ${cpu}\n\n${renderTables(results)}`),
  ].join('\n\n');
}

/** The best peer can be another one on another processor. */
const OF_PEER = new RegExp(` over (?:${STABLE_STRINGIFY.map(({ name }) => name).join('|')})$`);

/**
 * @param {Results} results of one processor
 * @returns {string} Markdown
 */
export function renderTables(results) {
  return [
    renderMachine(results),
    ...(results.keyof ? [renderKeyOf(results.keyof)] : []),
    ...(results.shapes ? [renderKeyOf(results.shapes)] : []),
    ...(results.json ? [renderKeyOfJson(results.json)] : []),
    ...(results.engines ? [renderEngines(results.engines)] : []),
    ...(results.runtimes ? [renderRuntimes(results.runtimes)] : []),
    renderRest(results),
  ].join('\n\n');
}

/**
 * @param {string} page
 * @param {string} tables
 * @param {string} [name] of the markers
 * @returns {string} the page with `tables` between its markers
 */
export function replaceTables(page, tables, name = 'bench') {
  const [startMark, endMark] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const start = page.indexOf(startMark);
  const end = page.indexOf(endMark);
  if (start < 0 || end < start) {
    throw new Error(`Cannot place the tables: the page has no ${startMark} … ${endMark}`);
  }
  return `${page.slice(0, start + startMark.length)}\n${tables}\n${page.slice(end)}`;
}

/** The parts of samekey that act on a key, see `acting-tables.mjs`. Other machines may measure them. */
export const ACTING = ['server', 'once', 'fetch'];

/** @param {string} group */
const isOfKeys = (group) =>
  ![...ACTING, ...LONG].some((part) => group === part || group.startsWith(`${part}-`));

/** @param {Results} results */
function renderMachine(results) {
  const ofKeys = Object.values(results).filter(({ group }) => isOfKeys(group));
  return (
    `${machineOf(ofKeys)}; medians of ${ofKeys[0].settings.rounds} rounds, a ratio being the ` +
    "median of the rounds' own ratios. `npm run bench` repeats it."
  );
}

/**
 * @param {readonly any[]} results that a table compares
 * @returns {string} the machine on which all of them were measured
 */
export function machineOf(results) {
  const [{ machine, versions }] = results;
  for (const result of results) {
    // A peer that was added after a group was timed has no result in it.
    const isOther = Object.entries(result.versions).some(
      ([name, version]) => name in versions && versions[name] !== version,
    );
    if (JSON.stringify(result.machine) !== JSON.stringify(machine) || isOther) {
      throw new Error(`Cannot compare ${result.group}.json: made on another machine or version`);
    }
    if (result.settings.quick) throw new Error(`Cannot print ${result.group}.json: a quick run`);
  }
  return formatMachine(machine, versions);
}

/**
 * @param {Record<string, any>} machine
 * @param {Record<string, string>} versions
 */
export const formatMachine = ({ cpu, cores, arch, os }, { node }) =>
  `${cpu}, ${cores} cores, ${arch}, ${os}, Node ${node}`;

/** @param {any} result */
function renderKeyOf({ machine, cells, ratios }) {
  const faster = ratioFinder(ratios);
  return table(
    [
      `request → key (${machine.cpu})`,
      'JSON',
      '`keyOf`',
      'best peer + `crypto.hash`',
      'faster',
      '`canonicalize` + `crypto.hash`',
      '`keyOf`, no `node:crypto`',
      '`JSON.stringify` alone',
    ],
    [
      ...cells.map((/** @type {any} */ cell) => [
        ...keyColumns(cell, faster),
        formatTime(cell.medianNs.canonicalize),
        formatTime(cell.medianNs['samekey wasm']),
        formatTime(cell.medianNs['JSON.stringify alone']),
      ]),
      ...renderMean(ratios),
    ],
  );
}

/**
 * The columns that both tables of keys begin with.
 *
 * @param {any} cell
 * @param {ReturnType<typeof ratioFinder>} faster
 */
function keyColumns({ id, label, bytes, medianNs, bestPeer }, faster) {
  return [
    label,
    formatBytes(bytes),
    formatTime(medianNs['samekey auto']),
    `${formatTime(medianNs[bestPeer])} (${bestPeer})`,
    `**${formatRatio(faster('samekey auto', 'best peer')[id])}**`,
  ];
}

/** The geometric mean of the ratio over the best peer, if there is one. @param {readonly any[]} ratios */
function renderMean(ratios) {
  const { mean } = ratios.find(({ of, over }) => of === 'samekey auto' && over === 'best peer');
  if (mean === undefined) return [];
  return [['geometric mean of all kinds', '', '', '', `**${formatRatio(mean)}**`, '', '', '']];
}

/** @param {any} result */
function renderKeyOfJson({ machine, cells, ratios }) {
  const faster = ratioFinder(ratios);
  return table(
    [
      `raw body → key (${machine.cpu})`,
      'JSON',
      '`keyOfJson`',
      '`JSON.parse` + best peer + `crypto.hash`',
      'faster',
      '`keyOfJson`, no `node:crypto`',
      'faster',
      '`JSON.parse` alone',
    ],
    [
      ...cells.map((/** @type {any} */ cell) => [
        ...keyColumns(cell, faster),
        formatTime(cell.medianNs['samekey wasm']),
        `**${formatRatio(faster('samekey wasm', 'best peer')[cell.id])}**`,
        formatTime(cell.medianNs['JSON.parse alone']),
      ]),
      ...renderMean(ratios),
    ],
  );
}

/** @param {any} result */
function renderEngines({ machine, cells, ratios }) {
  const faster = ratioFinder(ratios);
  const shown = ['64B', '1KiB', '64KiB', '1MiB'].map((id) =>
    cells.find((/** @type {any} */ cell) => cell.id === id),
  );
  // `auto` is `native` wherever that is faster, so it needs no row.
  const names = Object.keys(shown[0].medianNs).filter((name) => name !== 'samekey native');
  const rows = names.map((name) => [
    name.includes('samekey') ? name : `\`${name}\``,
    ...shown.map(({ bytes, medianNs }) =>
      bytes > 1024 ? formatRate(bytes, medianNs[name]) : formatTime(medianNs[name]),
    ),
  ]);
  const ratioRows = [
    ['samekey wasm', 'hash-wasm'],
    ['samekey js', '@noble/hashes'],
    ['samekey auto', 'node:crypto hash'],
    ['samekey wasm', 'crypto.subtle'],
  ]
    .filter(([of, over]) => ratios.some((/** @type {any} */ r) => r.of === of && r.over === over))
    .map(([of = '', over = '']) => [
      `**${of} over ${over}**`,
      ...shown.map(({ id }) => `**${formatRatio(faster(of, over)[id])}**`),
    ]);
  return table(
    [`SHA-256 → hex (${machine.cpu})`, ...shown.map(({ label }) => label)],
    [...rows, ...ratioRows],
  );
}

/** @param {any} result */
function renderRuntimes({ machine, runtimes }) {
  const shown = ['64B', '1KiB', '64KiB', '1MiB'];
  const { cells } = runtimes[0];
  const labelOf = (/** @type {string} */ id) =>
    cells.find((/** @type {any} */ cell) => cell.id === id).label;
  const rows = runtimes.flatMap((/** @type {any} */ { name, version, cells, ratios }) =>
    Object.keys(cells[0].medianNs).map((contender) => {
      const ratio = ratios.find((/** @type {any} */ { over }) => over === contender);
      return [
        `${name} ${version.split('.').slice(0, 2).join('.')}: ${contender}`,
        ...shown.map((id) => {
          const { bytes, medianNs } = cells.find((/** @type {any} */ cell) => cell.id === id);
          const ns = medianNs[contender];
          const figure = bytes > 1024 ? formatRate(bytes, ns) : formatTime(ns);
          return ratio ? `${figure} (**${formatRatio(ratio.byCell[id])}**)` : figure;
        }),
      ];
    }),
  );
  const notes = runtimes.map(
    (/** @type {any} */ { name, subtleFromBytes, firstKeyMs, parsedKeyMs, notRun }) =>
      `${name}: ${[
        `\`crypto.subtle\` is faster from ${subtleFromBytes === null ? 'no size' : formatBytes(subtleFromBytes)}`,
        `import plus first key ${(parsedKeyMs ? firstKeyMs.median : firstKeyMs.mean).toFixed(1)} ms`,
        ...(parsedKeyMs ? [`${parsedKeyMs.median.toFixed(1)} ms with parsing`] : []),
        ...Object.keys(notRun).map((contender) => `${contender} does not run`),
      ].join(', ')}.`,
  );
  const heads = shown.map(labelOf);
  return [
    table(
      [
        `SHA-256 → hex without \`node:crypto\` (samekey is … times as fast; ${machine.cpu})`,
        ...heads,
      ],
      rows,
    ),
    notes.join(' '),
  ].join('\n\n');
}

/** @param {Results} results */
function renderRest(results) {
  const rows = [
    ['text-key', 'key of 50 characters', 'node:crypto createHash'],
    ['text-key', 'key of 50 characters', 'node:crypto hash'],
    ['uuidv5', '`uuidv5`', 'uuid'],
    ['uuidv5', '`uuidv5`', 'node:crypto by hand'],
  ].flatMap(([group = '', what = '', over = '']) => {
    const [cell] = results[group]?.cells ?? [];
    if (!cell) return [];
    const faster = ratioFinder(results[group].ratios)('samekey auto', over)[cell.id];
    return [
      [
        what,
        formatTime(cell.medianNs['samekey auto']),
        `\`${over}\` ${formatTime(cell.medianNs[over])}`,
        `**${formatRatio(faster)}**`,
      ],
    ];
  });
  rows.push(...renderMany(results));
  const { stream, startup, bundle } = results;
  if (stream) {
    const most = Math.max(...stream.runs.map((/** @type {any} */ run) => run.rssGrowthMiB));
    rows.push([`memory for ${stream.gib} GiB through \`keyOfStream\``, `+${most} MiB`, '', '']);
  }
  if (startup) {
    rows.push([
      'import plus first key, fresh process',
      `+${startup.overEmptyMs['samekey auto'].toFixed(1)} ms`,
      `empty script ${startup.medianMs['empty script'].toFixed(1)} ms`,
      '',
    ]);
  }
  for (const { name, gzippedBytes } of bundle?.imports ?? []) {
    rows.push([
      `size of an import, minified and gzipped: ${name}`,
      formatBytes(gzippedBytes),
      '',
      '',
    ]);
  }
  const { cpu } = Object.values(results)[0].machine;
  return table([cpu, 'samekey', 'against', 'faster'], rows);
}

/**
 * Batches, if there are results.
 *
 * @param {Results} results
 */
function renderMany(results) {
  const texts = '`sha256HexBatch`, 10,000 texts of';
  const rows = [
    ['batch', 'short-texts', `${texts} 16–119 B, wasm`, 'samekey wasm', 'node:crypto hash'],
    ['batch', 'mid-texts', `${texts} 64 B–1 KiB, wasm`, 'samekey wasm', 'hash-wasm'],
    ['batch', 'large', '`sha256Batch`, 4 × 1 MiB, wasm', 'samekey wasm', 'hash-wasm'],
    ['batch-json', 'mixed', '`keysOfJson`, 1000 bodies, wasm', 'samekey wasm', 'best peer'],
    ['batch-json', 'mixed', '`keysOfJson`, 1000 bodies', 'samekey auto', 'best peer'],
    [
      'streams',
      'streams',
      '64 streams of 1 MiB at once, wasm',
      'samekey wasm, at once',
      'samekey wasm, in turn',
    ],
    [
      'conversation',
      '50',
      'a key at each of 50 turns, `append`',
      'samekey auto, append',
      'samekey auto, keyOf',
    ],
  ].flatMap(([group = '', cellId = '', what = '', of = '', over = '']) => {
    const result = results[group];
    if (!result) return [];
    const { medianNs, bestPeer } = result.cells.find((/** @type {any} */ { id }) => id === cellId);
    const against = over === 'best peer' ? bestPeer : over;
    return [
      [
        what,
        formatTime(medianNs[of]),
        `\`${against}\` ${formatTime(medianNs[against])}`,
        `**${formatRatio(ratioFinder(result.ratios)(of, over)[cellId])}**`,
      ],
    ];
  });
  if (results.pool) {
    const { mib, runs } = results.pool;
    const [none, , two] = runs;
    rows.push([
      `${mib} MiB of JSON lines in \`samekey/pool\`, 2 threads`,
      `${two.mbPerSecond} MB/s`,
      `no pool ${none.mbPerSecond} MB/s`,
      // Of the two speeds in the row: the median of the rounds' ratios may contradict them.
      `**${formatRatio(two.mbPerSecond / none.mbPerSecond)}**`,
    ]);
  }
  return rows;
}

/** @param {any[]} ratios */
const ratioFinder = (ratios) => (/** @type {string} */ of, /** @type {string} */ over) =>
  ratios.find((ratio) => ratio.of === of && ratio.over === over).byCell;

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function table(head, rows) {
  const line = (/** @type {readonly string[]} */ row) => `| ${row.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [head, rule, ...rows].map(line).join('\n');
}
