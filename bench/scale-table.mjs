/** The tables of docs/scale.md, made from the committed results. */
import { formatBytes } from './format.mjs';
import { formatMachine, table } from './tables.mjs';

/** The fleet of the calculation. */
const FLEET = { workers: 1000, callsPerSecond: 100_000, callSeconds: 2 };
/** A server with a higher load has no reserve. */
const BUSY = 0.6;
const HELD = [
  { label: '24 hours', seconds: 86_400 },
  { label: '1 hour', seconds: 3600 },
  { label: '5 minutes', seconds: 300 },
];
const SERVERS = ['Redis', 'PostgreSQL'];

/**
 * @param {Record<string, any>} results by group
 * @returns {string} Markdown
 */
export function renderScale(results) {
  const scale = results['once-scale'];
  const { machine, versions, callCount } = scale;
  return [
    `${formatMachine(machine, versions)}; ${callCount} calls each, with results of ${scale.resultBytes} bytes.`,
    renderCalls(scale),
    `Redis Cluster: every node is sent ${scale.clusterBus.bytes} bytes by every other one for each result that lands there, and takes ${scale.clusterBus.cpuMicros} µs to read them.`,
    renderFleet(scale),
  ].join('\n\n');
}

/** @param {any} scale */
const renderCalls = ({ stores }) =>
  table(
    ['a call', ...stores.map((/** @type {any} */ { store }) => store)],
    [
      row(stores, 'a record in the store', ({ recordBytes }) => formatBytes(recordBytes)),
      row(stores, 'round trips of a first run', ({ executed }) => String(executed.roundTrips)),
      row(stores, '… of a replay', ({ replayed }) => String(replayed.roundTrips)),
      row(stores, '… of waiting for another process', ({ joined }) => String(joined.roundTrips)),
      ...[
        { label: 'sent by a first run', of: 'executed', what: 'sentBytes' },
        { label: '… by a replay', of: 'replayed', what: 'sentBytes' },
        { label: 'received by a first run', of: 'executed', what: 'receivedBytes' },
        { label: '… by a replay', of: 'replayed', what: 'receivedBytes' },
        {
          label: "written to the server's log by a first run",
          of: 'executed',
          what: 'writtenBytes',
        },
      ].map(({ label, of, what }) =>
        row(stores, label, (store) => (store[of][what] ? formatBytes(store[of][what]) : '')),
      ),
      row(stores, "the server's processor, first run", ({ executed }) => micros(executed)),
      row(stores, '… replay', ({ replayed }) => micros(replayed)),
    ],
  );

/**
 * @param {readonly any[]} stores
 * @param {string} label
 * @param {(store: any) => string} cell
 */
const row = (stores, label, cell) => [label, ...stores.map(cell)];

const micros = (/** @type {any} */ { cpuMicros }) => (cpuMicros ? `${cpuMicros} µs` : '');

/** @param {any} scale */
function renderFleet({ stores, clusterBus }) {
  const { callsPerSecond, callSeconds } = FLEET;
  const shown = SERVERS.map((name) =>
    stores.find((/** @type {any} */ { store }) => store === name),
  );
  const perSecond = (/** @type {number} */ bytes) => `${formatSize(bytes * callsPerSecond)}/s`;
  const cores = (/** @type {any} */ { executed, store }) => {
    // A master reads what the others send: all results except its own.
    const bus = store === 'Redis' ? (clusterBus.cpuMicros * callsPerSecond) / 1e6 : 0;
    return { work: (executed.cpuMicros * callsPerSecond) / 1e6, bus };
  };
  const count = new Intl.NumberFormat('en').format;
  return table(
    [
      `${count(FLEET.workers)} workers, ${count(callsPerSecond)} calls a second, none a duplicate`,
      ...SERVERS,
    ],
    [
      row(shown, 'round trips a second', ({ executed }) =>
        count(executed.roundTrips * callsPerSecond),
      ),
      row(shown, 'to the servers', ({ executed }) => perSecond(executed.sentBytes)),
      row(shown, 'from the servers', ({ executed }) => perSecond(executed.receivedBytes)),
      row(shown, 'to every master, from the others', ({ store }) =>
        store === 'Redis' ? perSecond(clusterBus.bytes) : '',
      ),
      row(shown, 'written to logs', ({ executed }) =>
        executed.writtenBytes ? perSecond(executed.writtenBytes) : '',
      ),
      row(shown, 'cores that are busy all the time', (store) => cores(store).work.toFixed(0)),
      row(shown, `servers, ${BUSY * 100} % busy`, (store) => {
        const { work, bus } = cores(store);
        if (store.store !== 'Redis') return `${Math.ceil(work / BUSY / 16)} of 16 cores`;
        return bus < BUSY ? `${Math.ceil(work / (BUSY - bus))} masters of one core` : 'no number';
      }),
      row(shown, `under way at a time, ${callSeconds} s each`, () =>
        count(callSeconds * callsPerSecond),
      ),
      ...HELD.map(({ label, seconds }) =>
        row(
          shown,
          `\`ttlMs\` of ${label}: ${count(seconds * callsPerSecond)} records`,
          ({ recordBytes }) => formatSize(recordBytes * seconds * callsPerSecond),
        ),
      ),
    ],
  );
}

/** @param {number} bytes */
const formatSize = (bytes) => {
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(0)} MB`;
  return bytes < 1e12 ? `${(bytes / 1e9).toFixed(0)} GB` : `${(bytes / 1e12).toFixed(1)} TB`;
};
