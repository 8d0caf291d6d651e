/** The tables of docs/scale.md about millions of keys, made from the committed results. */
import { formatMachine, table } from './tables.mjs';

const mb = (/** @type {number} */ bytes) => `${Math.round(bytes / 1e6)} MB`;
const count = new Intl.NumberFormat('en').format;

/** How many windows a figure is the median of. */
const WINDOWS = 6;

/**
 * @param {any} result of `bench/soak/run.mjs`
 * @returns {string} Markdown
 */
export function renderSoak(result) {
  const { machine, versions, keys, seconds, settings, answers, ranTwice, left, before, after } =
    result;
  const full = result.samples.filter((/** @type {any} */ { perSecond }) => perSecond > 0);
  const middle = Math.floor((full.length - WINDOWS) / 2);
  const parts = [
    full.slice(0, WINDOWS),
    full.slice(middle, middle + WINDOWS),
    full.slice(-WINDOWS),
  ];
  const row = (/** @type {string} */ label, /** @type {(sample: any) => any} */ of, unit = mb) => [
    label,
    ...parts.map((part) => {
      const values = part.map(of).filter((/** @type {any} */ value) => value !== undefined);
      return unit(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
    }),
  ];
  const slope = (/** @type {string} */ what) => `${result.mbPerMillionKeys[what]}`;
  const ms = (/** @type {number} */ value) => `${value.toFixed(1)} ms`;
  const total = ranTwice.provider.keyCount + ranTwice.handlers.keyCount;
  return [
    `${formatMachine(machine, versions)}; ${count(keys)} keys in ${Math.round(seconds / 60)} minutes, ` +
      `${count(Math.round(keys / seconds))} a second, by ${settings.clientCount} clients. ` +
      `**${total} keys ran twice.** Of ${count(answers.executed + answers.joined + answers.replayed)} answers ` +
      `${count(answers.joined)} were joined and ${count(answers.replayed)} replayed, ${count(answers.wrong)} were wrong.`,
    table(
      ['', 'begin', 'middle', 'end', 'MB per million keys, second half'],
      [
        [...row('API: resident memory', (each) => each.serverBytes), slope('serverBytes')],
        [...row('API: heap after collection', (each) => each.serverHeap), slope('serverHeap')],
        [...row('proxy: resident memory', (each) => each.proxyBytes), slope('proxyBytes')],
        [...row('proxy: heap after collection', (each) => each.proxyHeap), slope('proxyHeap')],
        [...row('Redis: resident memory', (each) => each.redisBytes), slope('redisBytes')],
        [...row('first run, median', (each) => each.runMs[0], ms), ''],
        [...row('first run, 99 %', (each) => each.runMs[1], ms), ''],
        [...row('replay, median', (each) => each.replayMs[0], ms), ''],
        [...row('keys a second', (each) => each.perSecond, count), ''],
      ],
    ),
    `${left.length === 0 ? 'After the load, each process has as many timers, sockets, listeners and open files as before it' : left.join('; ')} (in this order): ` +
      ['server', 'proxy']
        .map(
          (name) =>
            `${name === 'server' ? 'the API' : 'the proxy'} ${leftIn(before[name])} before and ${leftIn(after[name])} after`,
        )
        .join(', ') +
      '.',
  ].join('\n\n');
}

/** @param {any} left */
const leftIn = ({ timers, sockets, listeners, files }) =>
  `${timers} / ${sockets} / ${Object.values(listeners).reduce((sum, each) => sum + each, 0)} / ${files}`;

/**
 * @param {any} result of `bench/full-store/run.mjs`
 * @returns {string} Markdown
 */
export function renderFullStore({ machine, versions, stores }) {
  const ms = (/** @type {number} */ value) =>
    value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
  const both = (/** @type {any} */ store, /** @type {(each: any) => string} */ of) =>
    `${of(store.empty)} → ${of(store.full)}`;
  return [
    `${formatMachine(machine, versions)}. Each cell: with an empty store → with that many records.`,
    table(
      ['', ...stores.map((/** @type {any} */ { store }) => store)],
      [
        ['records', ...stores.map((/** @type {any} */ { records }) => count(records))],
        ...[
          {
            label: 'process start to the first answer',
            of: (/** @type {any} */ each) => ms(each.firstMs),
          },
          { label: 'memory of the process then', of: (/** @type {any} */ each) => mb(each.rss) },
          {
            label: 'runs a second, 16 at once',
            of: (/** @type {any} */ each) => count(Math.round(each.perSecond)),
          },
          { label: 'a run, 99 %', of: (/** @type {any} */ each) => ms(each.run.p99) },
          {
            label: "the process's processor, a run",
            of: (/** @type {any} */ each) => `${Math.round(each.cpuUs)} µs`,
          },
        ].map(({ label, of }) => [
          label,
          ...stores.map((/** @type {any} */ store) => both(store, of)),
        ]),
        [
          'a replay of a random record',
          ...stores.map((/** @type {any} */ { full }) => ms(full.replay.mean)),
        ],
        [
          'expired records deleted beside these runs',
          ...stores.map((/** @type {any} */ { deleted }) =>
            deleted === undefined ? '' : count(deleted),
          ),
        ],
      ],
    ),
  ].join('\n\n');
}
