/**
 * The groups in the order they run, each loaded only by the process that runs it.
 *
 * A *timed* group names cells (the work) and contenders (the code that does it). `rounds.mjs` times
 * every pair. A *measured* group has its own `measure`.
 *
 * @typedef {object} Cell
 * @property {string} id
 * @property {string} label the column head of a table
 * @property {number} bytes of one input
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => Promise<(input: any) => unknown>} load its call returns a text or a list of texts
 * @property {boolean} [isAsync]
 * @property {(output: any) => string} [read] returns the part of its output that is compared. Default:
 *   all of it
 *
 * @typedef {object} Ratio
 * @property {string} of
 * @property {string} over a contender's name, or `BEST_PEER`
 *
 * @typedef {object} TimedGroup
 * @property {string} title
 * @property {string} [note]
 * @property {readonly Cell[]} cells
 * @property {(cellId: string) => readonly unknown[]} inputs their number is a power of two
 * @property {(input: any) => string} expected from node:crypto or `reference.mjs`
 * @property {readonly Contender[]} contenders
 * @property {readonly string[]} [peers] the names among which the best peer of each cell is found
 * @property {readonly string[]} [meanOf] the cells of which a ratio has a geometric mean
 * @property {boolean} [isProcessorTime] whether the time is that of the processor, not of the clock on the
 *   wall: for calls of several milliseconds, which other processes interrupt
 * @property {readonly Ratio[]} ratios how many times as fast `of` is as `over`
 *
 * @typedef {object} MeasuredGroup
 * @property {string} title
 * @property {(settings: import('../run.mjs').Settings) => Promise<Record<string, unknown>>} measure
 */

export const BEST_PEER = 'best peer';

export const groupNames = /** @type {const} */ ([
  'engines',
  'text-key',
  'uuidv5',
  'keyof',
  'shapes',
  'json',
  'batch',
  'batch-json',
  'conversation',
  'streams',
  'pool',
  'stream',
  'startup',
  'runtimes',
  'bundle',
  'once',
  'once-stores',
  'once-encryption',
  'once-scale',
  'fetch',
  'server',
  'server-memory',
]);

/**
 * @param {string} part such as `once`
 * @returns {string[]} the groups whose names begin with it, such as `once` and `once-stores`
 */
export function groupsOf(part) {
  const names = groupNames.filter((name) => name === part || name.startsWith(`${part}-`));
  if (names.length > 0) return names;
  throw new Error(`Cannot run "${part}": choose from ${groupNames.join(', ')}`);
}

/**
 * @param {string} name one of `groupNames`
 * @returns {Promise<TimedGroup | MeasuredGroup>}
 */
export async function loadGroup(name) {
  const { group } = await import(`./${name}.mjs`);
  return group;
}
