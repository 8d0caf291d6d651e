/**
 * A process for one contender in one cell of a group, driven by `rounds.mjs` over IPC. Alone in its
 * process, a contender meets only its own type feedback, garbage and compiled code.
 *
 * Messages: `{ check: true }` → `{ checked: true }`; `{ timing }` → `{ medianNs }`. The answer to either
 * can be `{ error }`.
 */
import { loadGroup } from './groups/index.mjs';
import { medianNs } from './timing.mjs';

const [groupName = '', contenderName = '', cellId = ''] = process.argv.slice(2);

/** @param {Record<string, unknown>} message */
const answer = (message) => process.send?.(message);

process.on('message', async (/** @type {any} */ message) => {
  try {
    if (message.check) {
      await check();
      answer({ checked: true });
    } else {
      globalThis.gc?.();
      const { group, call, inputs, isAsync } = await ready();
      const timing = { ...message.timing, isProcessorTime: group.isProcessorTime };
      answer({ medianNs: await medianNs(call, inputs, isAsync, timing) });
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
 * @property {readonly unknown[]} inputs
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
  const inputs = group.inputs(cellId);
  return { group, contender, call, inputs, isAsync: contender.isAsync ?? false };
}

/** Checks the outputs for all inputs, before any timing. */
async function check() {
  const { group, contender, call, inputs } = await ready();
  const { read = (output) => output } = contender;
  for (const input of inputs) {
    const output = read(await call(input));
    const expected = group.expected(input);
    if (output !== expected) {
      throw new Error(
        `${groupName}, ${cellId}: ${contenderName} gives ${start(output)}, ` +
          `expected ${start(expected)}`,
      );
    }
  }
}

/** @param {unknown} output for a batch: ten thousand keys */
const start = (output) => String(output).slice(0, 80);
