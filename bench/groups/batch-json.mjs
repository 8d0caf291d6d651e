/** A thousand request bodies of several kinds in one call, as from a log or a batch file. */
import { payloadText } from '../payloads.mjs';
import { createRandom } from '../random.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { BEST_PEER } from './index.mjs';
import { BODY_PIPELINES } from './peers.mjs';
import { keysHex, samekeyContenders } from './samekey.mjs';

const BODIES = 1000;
const VARIANTS = 2;

/**
 * @param {number} seed
 * @returns {Buffer[]} of ten: seven small ones, two of ten turns and one with tools, shuffled
 */
export function mixedBodies(seed, count = BODIES) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, body) => {
    const draw = random.below(10);
    const kind = draw < 7 ? 'small-chat' : draw < 9 ? 'ten-turns' : 'tool-schemas';
    return Buffer.from(payloadText(kind, seed * count + body));
  });
}

const inputs = Array.from({ length: VARIANTS }, (_, variant) => mixedBodies(1 + variant));

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: `keysOfJson: ${BODIES} mixed bodies → keys`,
  note:
    'A peer takes them one by one: JSON.parse + its canonical text + node:crypto hash, hex. ' +
    'Processor time.',
  isProcessorTime: true,
  cells: [
    {
      id: 'mixed',
      label: `${BODIES} bodies`,
      bytes: inputs[0]?.reduce((sum, { length }) => sum + length, 0) ?? 0,
    },
  ],
  inputs: () => inputs,
  expected: (bodies) =>
    bodies
      .map((/** @type {Buffer} */ body) => sha256Hex(canonicalText(JSON.parse(body.toString()))))
      .join('\n'),
  contenders: [
    ...samekeyContenders(
      ({ keysOfJson }) =>
        (bodies) =>
          keysOfJson(bodies),
      keysHex,
      ['auto', 'wasm', 'js'],
    ),
    ...BODY_PIPELINES.map(({ name, load }) => ({
      name,
      async load() {
        const key = await load();
        return (/** @type {Buffer[]} */ bodies) => bodies.map((body) => key(body));
      },
      read: keysHex,
    })),
  ],
  peers: BODY_PIPELINES.map(({ name }) => name),
  ratios: [
    { of: 'samekey wasm', over: BEST_PEER },
    { of: 'samekey auto', over: BEST_PEER },
    { of: 'samekey js', over: BEST_PEER },
  ],
};
