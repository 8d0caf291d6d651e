/**
 * A process for one contender of one group, driven by `rounds.mjs` over IPC. Alone in its
 * process, a contender meets only its own type feedback, garbage and compiled code.
 *
 * Messages: `{ check: true }` → `{ checked: true }`; `{ cellId, timing }` → `{ medianNs }`;
 * either may be answered by `{ error }` instead.
 */
import { loadGroup } from './groups/index.mjs';
import { medianNs } from './timing.mjs';

const [groupName = '', contenderName = ''] = process.argv.slice(2);

/** @param {Record<string, unknown>} message */
const answer = (message) => process.send?.(message);

process.on('message', async (/** @type {any} */ message) => {
  try {
    if (message.check) {
      await check();
      answer({ checked: true });
    } else {
      globalThis.gc?.();
      const { call, isAsync } = await ready();
      answer({ medianNs: await medianNs(call, inputsOf(message.cellId), isAsync, message.timing) });
    }
  } catch (error) {
    answer({ error: error instanceof Error ? error.message : String(error) });
  }
});

/** @type {Promise<Loaded> | undefined} */
let loaded;
const ready = () => {
  loaded ??= load();
  return loaded;
};

/**
 * @typedef {object} Loaded
 * @property {import('./groups/index.mjs').TimedGroup} group
 * @property {import('./groups/index.mjs').Contender} contender
 * @property {(input: any) => unknown} call
 * @property {boolean} isAsync
 *
 * @returns {Promise<Loaded>}
 */
async function load() {
  const group = await loadGroup(groupName);
  if (!('contenders' in group)) throw new Error(`Cannot time "${groupName}": no contenders`);
  const contender = group.contenders.find(({ name }) => name === contenderName);
  if (!contender) throw new Error(`Cannot time "${contenderName}": not in "${groupName}"`);
  const call = await contender.load();
  for (const { id } of group.cells) inputs.set(id, group.inputs(id));
  return { group, contender, call, isAsync: contender.isAsync ?? false };
}

/** @type {Map<string, readonly unknown[]>} */
const inputs = new Map();

/** @param {string} cellId */
const inputsOf = (cellId) => inputs.get(cellId) ?? [];

/** @param {unknown} output of a batch it is ten thousand keys */
const start = (output) => String(output).slice(0, 80);

/** Every output for every input, before anything is timed. */
async function check() {
  const { group, contender, call } = await ready();
  const { read = (output) => output } = contender;
  for (const cell of group.cells) {
    for (const input of inputsOf(cell.id)) {
      const output = read(await call(input));
      const expected = group.expected(input);
      if (output !== expected) {
        throw new Error(
          `${groupName}, ${cell.label}: ${contenderName} gives ${start(output)}, ` +
            `expected ${start(expected)}`,
        );
      }
    }
  }
}
