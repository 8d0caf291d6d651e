/** The tables of docs/benchmarks.md about the parts that act on a key: server, once and fetch. */
import { tablesOf } from './paired.mjs';
import { ACTING, machineOf, table } from './tables.mjs';

/**
 * @param {Record<string, any>} results by group
 * @returns {string} Markdown
 */
export function renderActing(results) {
  return ACTING.flatMap((part) => {
    const ofPart = Object.values(results).filter(
      ({ group, measures }) => measures && (group === part || group.startsWith(`${part}-`)),
    );
    return ofPart.length > 0 ? [renderPart(part, ofPart)] : [];
  }).join('\n\n');
}

/**
 * @param {string} part
 * @param {readonly any[]} results
 */
const renderPart = (part, results) =>
  [
    `### samekey/${part}`,
    `${machineOf(results)}.`,
    ...results.flatMap(({ note, measures }) => [
      note,
      ...tablesOf(measures).map(([head = [], ...rows]) =>
        table([results[0].machine.cpu, ...head.slice(1).map(code)], rows.map(withCode)),
      ),
    ]),
  ].join('\n\n');

/** Names of packages in code spans: Markdown would take `@name` for a person. @param {string} text */
const code = (text) => text.replace(/@[\w./-]+/g, '`$&`');

/** @param {readonly string[]} row */
const withCode = (row) => row.map(code);
