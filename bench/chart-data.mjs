/**
 * Extracts the data of the charts from the results. The title of each is its message, with figures that
 * are computed here, so that it stays true when the results change.
 *
 * @typedef {object} Series
 * @property {string} name the contender
 * @property {string} label
 * @property {boolean} isOurs
 *
 * @typedef {object} Card
 * @property {string} title
 * @property {string} subtitle what is measured, in which unit, and which end is better
 * @property {string} footer the machine
 * @property {Series[]} series
 *
 * @typedef {{ label: string, bytes: number, values: (number | null)[] }} Cell one value for each series
 *
 * @typedef {Card & { kind: 'throughput', cells: Cell[] }} Throughput in MB/s
 * @typedef {Card & { kind: 'dots', base: string, cells: Cell[] }} Dots multiples of the base
 * @typedef {Card & { kind: 'bars', unit: string, groups: { label: string, values: (number | null)[] }[] }} Bars
 * @typedef {Card & { kind: 'timeline', unit: string, points: { minute: number, values: number[] }[] }} Timeline
 * @typedef {Throughput | Dots | Bars | Timeline} ChartData
 */

const OURS = [
  { name: 'samekey auto', label: 'samekey', isOurs: true },
  { name: 'samekey wasm', label: 'samekey wasm', isOurs: true },
];

/** @param {string} name */
const peer = (name) => ({ name, label: name, isOurs: false });

const STRINGIFY_PEERS = [
  'safe-stable-stringify',
  'fast-json-stable-stringify',
  'json-canonicalize',
  'canonicalize',
].map(peer);

/** Rows of dots in one picture. */
const MOST_ROWS = 9;

/** File name → the groups of results that the chart needs, and how it is made of them. */
const CHARTS = {
  'key-of-json': { groups: ['json'], data: keyOfJson },
  'key-of-value': { groups: ['keyof'], data: keyOfValue },
  'sha256-throughput': { groups: ['engines'], data: throughput },
  'first-run': { groups: ['once-stores'], data: firstRun },
  replay: { groups: ['full-store'], data: replay },
  'new-request': {
    groups: ['server'],
    data: (/** @type {any} */ result) => request(result, 'new', 'a new request'),
  },
  'duplicate-request': {
    groups: ['server'],
    data: (/** @type {any} */ result) => request(result, 'duplicate', 'a duplicate'),
  },
  'waiting-duplicate': { groups: ['server-memory'], data: waitingDuplicate },
  'soak-memory': { groups: ['soak'], data: soakMemory },
  'soak-times': { groups: ['soak'], data: soakTimes },
};

/**
 * @param {Record<string, any>} results by group
 * @returns {Map<string, ChartData>} by the file name of the picture, for the groups that have results
 */
export function chartData(results) {
  return new Map(
    Object.entries(CHARTS).flatMap(([name, { groups, data }]) => {
      const [result] = groups.map((group) => results[group]);
      return result ? [[`${name}.svg`, data(result)]] : [];
    }),
  );
}

/** @param {any} result */
function keyOfJson(result) {
  const data = times(result, 'JSON.parse');
  const count = data.cells.filter(({ values: [ours] }) => (ours ?? 1) < 1).length;
  return {
    ...data,
    title: `keyOfJson takes less time than JSON.parse for ${ofAll(count, data.cells.length)} requests`,
    subtitle:
      'keyOfJson, as a multiple of the time of JSON.parse alone. Peers parse, write a stable text and hash it with node:crypto. Further left is faster.',
  };
}

/** @param {any} result */
function keyOfValue(result) {
  const data = times(result, 'JSON.stringify');
  const factors = data.cells.map(({ values: [ours, , ...peers] }) => least(peers) / (ours ?? 1));
  return {
    ...data,
    title: `keyOf is ${range(factors)} times as fast as the fastest peer`,
    subtitle:
      'keyOf, as a multiple of the time of JSON.stringify alone. Peers write a stable text and hash it with node:crypto. Further left is faster.',
  };
}

/**
 * @param {any} result
 * @param {string} base
 */
function times(result, base) {
  const series = [...OURS, ...STRINGIFY_PEERS];
  return {
    kind: /** @type {const} */ ('dots'),
    footer: footer(result),
    base,
    series,
    // The first cells are of different kinds; the picture has no room for more.
    cells: cellsOf(
      { cells: result.cells.slice(0, MOST_ROWS) },
      series,
      ({ medianNs }, ns) => ns / medianNs[`${base} alone`],
    ),
  };
}

/** @param {any} result */
function throughput(result) {
  const portable = ['hash-wasm', '@noble/hashes', '@chainsafe/as-sha256'].map(peer);
  const series = [
    ...OURS,
    { name: 'samekey js', label: 'samekey js', isOurs: true },
    ...['node:crypto hash', 'crypto.subtle'].map(peer),
    ...portable,
  ];
  const cells = cellsOf(result, series, ({ bytes }, ns) => (bytes / ns) * 1e3);
  const factors = cells.map(
    ({ values }) => (values[1] ?? 0) / most(values.slice(-portable.length)),
  );
  return {
    kind: /** @type {const} */ ('throughput'),
    title: `Without node:crypto, SHA-256 is ${range(factors)} times as fast as the fastest peer`,
    subtitle:
      'SHA-256 to hex text, in MB/s by size of the message, both axes logarithmic. Higher is faster. samekey wasm against the packages; node:crypto and crypto.subtle belong to the platform.',
    footer: footer(result),
    series,
    cells,
  };
}

/** @param {any} result */
function firstRun(result) {
  const names = [
    'samekey',
    'samekey with ioredis',
    '@aws-lambda-powertools/idempotency',
    '@node-idempotency/core',
  ];
  const stores = ['memory', 'Redis', 'PostgreSQL', 'LMDB'];
  const groups = stores.flatMap((store) => groupOf(result, `${store} cpuUs`, store, names));
  const [ours, , powertools, core] = groups[1]?.values ?? [];
  return {
    kind: /** @type {const} */ ('bars'),
    title: `On Redis a first run costs its caller ${ours} µs; with Powertools ${powertools} µs, with node-idempotency ${core} µs`,
    subtitle:
      'Processor time of the caller for a new key with a receipt of 1 KiB, by store. Lower is better. The peers do not compare the owner before they write.',
    footer: footer(result),
    unit: 'µs',
    series: names.map((name) => ({ name, label: name, isOurs: name.startsWith('samekey') })),
    groups,
  };
}

/** @param {any} result */
function replay(result) {
  const stores = result.stores.map((/** @type {any} */ { store, records, full }) => ({
    label: `${store}, ${(records / 1e6).toFixed(0)} million records`,
    values: [threeDigits(full.replay.mean * 1000)],
  }));
  const all = stores.flatMap((/** @type {any} */ { values }) => values);
  return {
    kind: /** @type {const} */ ('bars'),
    title: `A replay takes ${least(all)} to ${most(all)} µs from a store with millions of records`,
    subtitle:
      'Mean time from the call to the stored result, store on the same machine. Lower is better.',
    footer: footer(result),
    unit: 'µs',
    series: [{ name: 'samekey', label: 'samekey', isOurs: true }],
    groups: stores,
  };
}

const FRAMEWORKS = ['web-standard', 'fastify', 'express'];

/**
 * @param {any} result
 * @param {string} id
 * @param {string} what
 */
function request(result, id, what) {
  const names = ['bare', 'samekey', '@node-idempotency/core'];
  const groups = FRAMEWORKS.flatMap((framework) =>
    groupOf(result, `${framework} 200 ${id}`, framework, names),
  );
  const added = groups.map(({ values: [bare, ours] }) => Math.round((ours ?? 0) - (bare ?? 0)));
  return {
    kind: /** @type {const} */ ('bars'),
    title: `samekey/server adds ${least(added)} to ${most(added)} µs to ${what}`,
    subtitle:
      'Processor time of the server for an order of 200 B, memory stores. Lower is better. The peer does not join duplicates that arrive at the same time, and renews no lease.',
    footer: footer(result),
    unit: 'µs',
    series: names.map((name) => ({
      name,
      label: name === 'bare' ? 'without keys' : name,
      isOurs: name === 'samekey',
    })),
    groups,
  };
}

/** @param {any} result */
function waitingDuplicate(result) {
  const names = ['bare', 'samekey'];
  const groups = FRAMEWORKS.flatMap((framework) =>
    groupOf(result, `${framework} held`, framework, names).map(({ label, values }) => ({
      label,
      values: values.map((bytes) => bytes && threeDigits(bytes / 1000)),
    })),
  );
  const held = groups.map(({ values: [, ours] }) => ours ?? 0);
  return {
    kind: /** @type {const} */ ('bars'),
    title: `A duplicate that waits for its run holds ${least(held)} to ${most(held)} KB`,
    subtitle:
      'Memory of one of 400 requests with one key while they wait. Without keys, each of them runs the handler. Lower is better. The peers answer such a duplicate with an error.',
    footer: footer(result),
    unit: 'KB',
    series: [
      { name: 'bare', label: 'without keys', isOurs: false },
      { name: 'samekey', label: 'samekey', isOurs: true },
    ],
    groups,
  };
}

/** The most points of a line: a picture has no room for more. */
const MOST_POINTS = 150;

/**
 * @param {any} result
 * @param {string} title
 * @param {string} subtitle
 * @param {string} unit
 * @param {Record<string, (sample: any) => number>} lines
 */
function timeline({ machine, versions, seconds, settings, samples }, title, subtitle, unit, lines) {
  const every = Math.ceil(samples.length / MOST_POINTS);
  // Windows without a new key wait for the last repeated requests.
  const shown = samples.filter(
    (/** @type {any} */ { perSecond }, /** @type {number} */ at) =>
      perSecond > 0 && at % every === 0,
  );
  return {
    kind: /** @type {const} */ ('timeline'),
    title,
    subtitle,
    footer: `${machine.cpu}, ${machine.cores} cores for all processes, ${machine.os} ${machine.arch}, Node ${versions.node}. ${Math.round(seconds / 60)} minutes, ${settings.clientCount} clients.`,
    unit,
    series: Object.keys(lines).map((name) => ({ name, label: name, isOurs: name !== 'Redis' })),
    points: shown.map((/** @type {any} */ sample) => ({
      minute: Number((sample.atS / 60).toFixed(2)),
      values: Object.values(lines).map((of) => of(sample)),
    })),
  };
}

/** @param {any} result */
function soakMemory(result) {
  const { keys, samples } = result;
  const mb = (/** @type {number} */ bytes) => Math.round(bytes / 1e6);
  const runs = samples.filter((/** @type {any} */ { perSecond }) => perSecond > 0);
  const quarter = Math.floor(runs.length / 4);
  const api = (/** @type {any[]} */ of) => mb(median(of.map(({ serverBytes }) => serverBytes)));
  return timeline(
    result,
    `Over ${keys.toLocaleString('en')} keys, the API’s memory goes from ${api(runs.slice(quarter, 2 * quarter))} MB in the second quarter to ${api(runs.slice(-quarter))} MB in the last`,
    'Resident memory of an API with samekey/server, of samekey proxy, and of the Redis that both use, in MB by minute.',
    'MB',
    {
      API: ({ serverBytes }) => mb(serverBytes),
      proxy: ({ proxyBytes }) => mb(proxyBytes),
      Redis: ({ redisBytes }) => mb(redisBytes),
    },
  );
}

/** @param {any} result */
function soakTimes(result) {
  const { seconds, samples } = result;
  const runs = samples.filter((/** @type {any} */ { perSecond }) => perSecond > 0);
  const at = (/** @type {number} */ i) =>
    Math.round(median(runs.map((/** @type {any} */ { runMs }) => runMs[i])));
  return timeline(
    result,
    `Under full load, half of the first runs take ${at(0)} ms or less, and 99 % take ${at(1)} ms or less`,
    `Time of a first run from the request to the answer, in ms by minute, in windows of ${Math.round(seconds / samples.length)} s. The title has the medians of all windows.`,
    'ms',
    { median: ({ runMs }) => runMs[0], '99 % within': ({ runMs }) => runMs[1] },
  );
}

/**
 * @param {any} result
 * @param {string} id of a measure
 * @param {string} label
 * @param {readonly string[]} names of contenders; those that were not measured have `null`
 * @returns {{ label: string, values: (number | null)[] }[]} empty without such a measure
 */
function groupOf(result, id, label, names) {
  const measure = result.measures.find((/** @type {any} */ each) => each.id === id);
  if (measure === undefined) return [];
  const values = names.map((name) => {
    const value = measure.medians[name];
    return value === undefined ? null : threeDigits(value);
  });
  return [{ label, values }];
}

/**
 * @param {any} result
 * @param {readonly Series[]} series
 * @param {(cell: any, ns: number) => number} value
 * @returns {Cell[]}
 */
const cellsOf = (result, series, value) =>
  result.cells.map((/** @type {any} */ cell) => ({
    label: cell.label,
    bytes: cell.bytes,
    values: series.map(({ name }) => {
      const ns = cell.medianNs[name];
      return ns === undefined ? null : Number(value(cell, ns).toPrecision(4));
    }),
  }));

/** @param {any} result */
const footer = ({ machine, versions, settings }) =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.os} ${machine.arch}, Node ${versions.node}.` +
  (settings ? ` Medians of ${settings.rounds} rounds${settings.quick ? ' (quick)' : ''}.` : '');

/** @param {number} value */
const threeDigits = (value) => Number(value.toPrecision(3));

/** @param {readonly (number | null)[]} values */
const least = (values) => Math.min(...values.filter((value) => value !== null));

/** @param {readonly (number | null)[]} values */
const most = (values) => Math.max(...values.filter((value) => value !== null));

/** @param {readonly number[]} values */
const range = (values) => `${least(values).toFixed(1)} to ${most(values).toFixed(1)}`;

/** @param {readonly number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * @param {number} count
 * @param {number} all
 */
const ofAll = (count, all) => (count === all ? `all ${all}` : `${count} of ${all}`);
