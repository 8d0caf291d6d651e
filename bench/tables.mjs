/** The tables of keys and digests in docs/benchmarks.md, made from the committed results. */
import { existsSync, readFileSync } from 'node:fs';
import { formatBytes, formatRate, formatRatio, formatTime } from './format.mjs';
import { groupNames } from './groups/index.mjs';

/** @typedef {Record<string, any>} Results a group's result by the group's name */

/**
 * @param {URL} [directory]
 * @returns {Results}
 */
export function readResults(directory = new URL('results/', import.meta.url)) {
  return Object.fromEntries(
    groupNames.flatMap((name) => {
      const file = new URL(`${name}.json`, directory);
      return existsSync(file) ? [[name, JSON.parse(readFileSync(file, 'utf8'))]] : [];
    }),
  );
}

/**
 * @param {Results} results of one machine
 * @returns {string} Markdown
 */
export function renderTables(results) {
  return [
    renderMachine(results),
    renderKeyOf(results.keyof),
    ...(results.json ? [renderKeyOfJson(results.json)] : []),
    renderEngines(results.engines),
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
const isOfKeys = (group) => !ACTING.some((part) => group === part || group.startsWith(`${part}-`));

/** @param {Results} results */
function renderMachine(results) {
  const ofKeys = Object.values(results).filter(({ group }) => isOfKeys(group));
  return (
    `${machineOf(ofKeys)}; medians of ${results.keyof.settings.rounds} rounds, a ratio being the ` +
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
function renderKeyOf({ cells, ratios }) {
  const faster = ratioFinder(ratios);
  return table(
    [
      'request → key',
      'JSON',
      '`keyOf`',
      'best peer + `crypto.hash`',
      'faster',
      '`canonicalize` + `crypto.hash`',
      '`keyOf`, no `node:crypto`',
      '`JSON.stringify` alone',
    ],
    cells.map((/** @type {any} */ { id, label, bytes, medianNs, bestPeer }) => [
      label,
      formatBytes(bytes),
      formatTime(medianNs['samekey auto']),
      `${formatTime(medianNs[bestPeer])} (${bestPeer})`,
      `**${formatRatio(faster('samekey auto', 'best peer')[id])}**`,
      formatTime(medianNs.canonicalize),
      formatTime(medianNs['samekey wasm']),
      formatTime(medianNs['JSON.stringify alone']),
    ]),
  );
}

/** @param {any} result */
function renderKeyOfJson({ cells, ratios }) {
  const faster = ratioFinder(ratios);
  return table(
    [
      'raw body → key',
      'JSON',
      '`keyOfJson`',
      '`JSON.parse` + best peer + `crypto.hash`',
      'faster',
      '`keyOfJson`, no `node:crypto`',
      'faster',
      '`JSON.parse` alone',
    ],
    cells.map((/** @type {any} */ { id, label, bytes, medianNs, bestPeer }) => [
      label,
      formatBytes(bytes),
      formatTime(medianNs['samekey auto']),
      `${formatTime(medianNs[bestPeer])} (${bestPeer})`,
      `**${formatRatio(faster('samekey auto', 'best peer')[id])}**`,
      formatTime(medianNs['samekey wasm']),
      `**${formatRatio(faster('samekey wasm', 'best peer')[id])}**`,
      formatTime(medianNs['JSON.parse alone']),
    ]),
  );
}

/** @param {any} result */
function renderEngines({ cells, ratios }) {
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
  return table(['SHA-256 → hex', ...shown.map(({ label }) => label)], [...rows, ...ratioRows]);
}

/** @param {any} result */
function renderRuntimes({ runtimes }) {
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
    table(['SHA-256 → hex without `node:crypto` (samekey is … times as fast)', ...heads], rows),
    notes.join(' '),
  ].join('\n\n');
}

/** @param {Results} results */
function renderRest(results) {
  const text = results['text-key'];
  const uuid = results.uuidv5;
  const rows = [
    [text, 'key of 50 characters', 'node:crypto createHash'],
    [text, 'key of 50 characters', 'node:crypto hash'],
    [uuid, '`uuidv5`', 'uuid'],
    [uuid, '`uuidv5`', 'node:crypto by hand'],
  ].map(([{ cells, ratios }, what, over]) => [
    what,
    formatTime(cells[0].medianNs['samekey auto']),
    `\`${over}\` ${formatTime(cells[0].medianNs[over])}`,
    `**${formatRatio(ratioFinder(ratios)('samekey auto', over)[cells[0].id])}**`,
  ]);
  rows.push(...renderMany(results));
  const { gib, runs } = results.stream;
  const { overEmptyMs, medianMs } = results.startup;
  return table(
    ['', 'samekey', 'against', 'faster'],
    [
      ...rows,
      [
        `memory for ${gib} GiB through \`keyOfStream\``,
        `+${Math.max(...runs.map((/** @type {any} */ run) => run.rssGrowthMiB))} MiB`,
        '',
        '',
      ],
      [
        'import plus first key, fresh process',
        `+${overEmptyMs['samekey auto'].toFixed(1)} ms`,
        `empty script ${medianMs['empty script'].toFixed(1)} ms`,
        '',
      ],
      ...results.bundle.imports.map((/** @type {any} */ { name, gzippedBytes }) => [
        `size of an import, minified and gzipped: ${name}`,
        formatBytes(gzippedBytes),
        '',
        '',
      ]),
    ],
  );
}

/**
 * Batches, if there are results.
 *
 * @param {Results} results
 */
function renderMany(results) {
  const texts = '`sha256HexBatch`, 10 000 texts of';
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
      `**${formatRatio(two.overNone)}**`,
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
