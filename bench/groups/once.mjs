/** The time that `once` adds to the function it runs, without a server: microseconds a call. */
import { createHash } from 'node:crypto';

const KEYS = 64;
const hex = (/** @type {number} */ n) => n.toString(16).padStart(64, '0');

/** About the answer of a language model. */
const RESULT = { id: 'msg_1', role: 'assistant', text: createHash('sha512').digest('base64') };
const EXPECTED = JSON.stringify(RESULT);

/** @typedef {{ key: string | undefined }} Call without a key it uses a new one */

/**
 * Uses keys beyond those of `inputs`, so that no call repeats another.
 *
 * @param {(key: string) => Promise<unknown>} call
 */
const withKey = (call) => {
  let next = KEYS;
  return (/** @type {Call} */ { key }) => call(key ?? `ik_${hex(next++)}`);
};

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'samekey/once: the cost of a call',
  note: 'One call after another, of an async function that has its result at once.',
  cells: [
    { id: 'replay', label: 'replay in the process', bytes: EXPECTED.length },
    { id: 'first', label: 'first run', bytes: EXPECTED.length },
  ],
  inputs: (cellId) =>
    Array.from({ length: KEYS }, (_, n) => ({
      key: cellId === 'first' ? undefined : `ik_${hex(n)}`,
    })),
  expected: () => EXPECTED,
  contenders: [
    {
      name: 'once, memory',
      isAsync: true,
      async load() {
        const { createOnce } = await import('../../dist/once/index.js');
        const { memoryStore } = await import('../../dist/store/memory.js');
        const once = createOnce({ store: memoryStore() });
        return withKey((key) => once(key, async () => RESULT));
      },
      read: JSON.stringify,
    },
    {
      name: 'the bare function',
      isAsync: true,
      load: async () => withKey(async () => RESULT),
      read: JSON.stringify,
    },
  ],
  ratios: [{ of: 'the bare function', over: 'once, memory' }],
};
