/** The tables of docs/sdks.md, made from the committed results. `node test/sdks/table.mjs` writes them. */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

/**
 * @typedef {import('./measure.mjs').Measurements & {
 *   name: string,
 *   version: string,
 *   with?: string,
 *   snippet: string,
 *   note?: string,
 *   timeout?: string,
 *   isKeyOfProcesses: boolean,
 * }} Row
 */

/** @returns {Row[]} */
export function readResults() {
  return JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'));
}

const code = (/** @type {string} */ text) => `\`${text}\``;
const NETWORK = /** @type {Record<string, string>} */ ({
  reset: 'reset connections',
  closed: 'closed connections',
});

/** `500 501 503 529` is every status from 500 that was tried. */
function retriedInWords(/** @type {string[]} */ retried) {
  const server = ['500', '501', '503', '529'];
  const all = server.every((status) => retried.includes(status));
  const statuses = retried.filter((each) => !(each in NETWORK) && !(all && server.includes(each)));
  const network = retried.filter((each) => each in NETWORK).map((each) => NETWORK[each]);
  const words = [...statuses, ...(all ? ['5xx'] : []), ...network];
  return words.length === 0
    ? 'nothing'
    : words.join(', ').replace('reset connections, closed connections', 'broken connections');
}

/** How reading a stream ended: a text, with what the SDK itself calls the end, or an error. */
function endInWords(/** @type {string} */ end) {
  const said = /\[end: (.*)\]$/.exec(end);
  if (said !== null) return `ends as if whole, ${said[1]?.replace(/(\S+)$/, '`$1`')}`;
  return end.startsWith('cal') ? 'ends as if whole' : code(end);
}

function changesInWords(
  /** @type {NonNullable<Row['attempts']>} */ { changedHeaders, isBodyEqual },
) {
  const changed = [...changedHeaders.map(code), ...(isBodyEqual ? [] : ['the body'])];
  return changed.length === 0 ? 'nothing' : changed.join(', ');
}

function agentInWords(/** @type {NonNullable<Row['agent']>} */ { once, twice, ...other }) {
  if (once === twice) return `${twice} calls`;
  const { twiceWithIdentity } = /** @type {{twiceWithIdentity?: number}} */ (other);
  const better =
    twiceWithIdentity === undefined ? '' : `; ${twiceWithIdentity} with \`identity\`, see below`;
  return `**${twice} calls**${better}`;
}

function timeoutInWords(/** @type {Row} */ { lateAnswer, timeout }) {
  if (lateAnswer === undefined) return 'none';
  if (lateAnswer.defaultSeconds !== 'none') return `${lateAnswer.defaultSeconds} s`;
  return timeout === undefined
    ? 'none'
    : `none; tried with ${timeout.startsWith('`') ? timeout : code(timeout)}`;
}

function lateInWords(/** @type {Row['lateAnswer']} */ late) {
  if (late === undefined) return ['no timeout', ''];
  const whose = late.isAskedAgain ? 'the next request of the caller' : 'its retry';
  return [
    `${late.plain}, then ${code(late.plainEnd)}`,
    late.samekeyEnd === 'call 1'
      ? `${late.samekey}; ${whose} gets the answer`
      : `${late.samekey}, then ${code(late.samekeyEnd)}`,
  ];
}

/** @type {Record<string, {columns: string[], cells: (row: Row) => string[]}>} */
const TABLES = {
  snippets: {
    columns: ['SDK', 'version', 'how to pass `fetch`'],
    cells: ({ version, with: other, snippet, note }) => [
      other === undefined ? version : `${version}, with ${other}`,
      note === undefined ? code(snippet) : `${code(snippet)}; ${note}`,
    ],
  },
  retries: {
    columns: ['SDK', 'retries', 'waits', '`Retry-After: 20`', '`Retry-After: 120`', 'timeout'],
    cells: (row) => [
      retriedInWords(row.retried),
      row.attempts?.wait ?? '',
      row.retryAfter[20],
      row.retryAfter[120],
      timeoutInWords(row),
    ],
  },
  keys: {
    columns: [
      'SDK',
      'differs between attempts',
      'the key stays the same',
      'an agent of two steps, run twice',
    ],
    cells: ({ attempts, equalCalls, isKeyOfProcesses, agent }) => [
      attempts === undefined ? '' : changesInWords(attempts),
      attempts?.isKeyEqual !== false && equalCalls.isKeyOfInstances && isKeyOfProcesses
        ? 'yes'
        : '**no**',
      agent === undefined ? '' : agentInWords(agent),
    ],
  },
  calls: {
    columns: [
      'SDK',
      'a lasting 500',
      'a lost reply',
      'a late answer',
      'a late answer, with samekey',
    ],
    cells: ({ lasting500, lostReply, lateAnswer }) => [
      `${lasting500.plain} / ${lasting500.samekey}`,
      `${lostReply.plain} / ${lostReply.samekey} / ${lostReply.hold}`,
      ...lateInWords(lateAnswer),
    ],
  },
  cuts: {
    columns: [
      'SDK',
      'ends early',
      'ends early, with samekey',
      'is reset, with and without samekey',
    ],
    cells: ({ cleanCut, reset }) => [
      endInWords(cleanCut.plain),
      endInWords(cleanCut.samekey),
      endInWords(reset.samekey),
    ],
  },
};

/**
 * Rows of the AI SDK with the same cells are one line of the table.
 *
 * @param {{name: string, cells: string[]}[]} rows
 */
function mergeAiSdk(rows) {
  /** @type {typeof rows} */
  const merged = [];
  for (const { name, cells } of rows) {
    const [version, provider] = name.split(', @ai-sdk/');
    const same = merged.find(
      (row) =>
        provider !== undefined &&
        row.name.startsWith(`${version}, @ai-sdk/`) &&
        isDeepStrictEqual(row.cells, cells),
    );
    if (same === undefined) merged.push({ name, cells });
    else same.name += `, ${provider}`;
  }
  return merged;
}

/**
 * @param {string} page
 * @param {readonly Row[]} rows
 * @returns {string} the page with all tables between their markers
 */
export function replaceTables(page, rows) {
  let written = page;
  for (const [name, { columns, cells }] of Object.entries(TABLES)) {
    const [start, end] = [`<!-- sdks:${name}:start -->`, `<!-- sdks:${name}:end -->`];
    const [from, to] = [written.indexOf(start), written.indexOf(end)];
    if (from < 0 || to < from) {
      throw new Error(`Cannot place the table "${name}": the page has no ${start} … ${end}`);
    }
    const table = [
      columns,
      columns.map(() => '---'),
      ...mergeAiSdk(rows.map((row) => ({ name: row.name, cells: cells(row) }))).map(
        ({ name, cells }) => [name, ...cells],
      ),
    ].map((line) => `| ${line.join(' | ')} |`);
    written = `${written.slice(0, from + start.length)}\n${table.join('\n')}\n${written.slice(to)}`;
  }
  return written;
}

export function writeTables() {
  const file = new URL('../../docs/sdks.md', import.meta.url);
  writeFileSync(file, replaceTables(readFileSync(file, 'utf8'), readResults()));
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) writeTables();
