/** A growing chat: its key at every turn, from the whole request or from the new messages. */
import { payloadText } from '../payloads.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { BEST_PEER } from './index.mjs';
import { digest, STABLE_STRINGIFY } from './peers.mjs';
import { keysHex, loadSamekey } from './samekey.mjs';

const VARIANTS = 4;
const ENGINES = /** @type {const} */ (['auto', 'wasm']);
const CELLS = [10, 50, 200].map((turns) => ({ id: `${turns}`, label: `${turns} turns`, turns }));

/** @typedef {{ model: string, messages: unknown[] }} Request */

/**
 * @param {number} turns
 * @param {number} variant
 * @returns {Request}
 */
function conversation(turns, variant) {
  const parts = Array.from({ length: Math.ceil(turns / 10) }, (_, part) =>
    JSON.parse(payloadText('ten-turns', 1000 * variant + part)),
  );
  const [first] = parts;
  return { ...first, messages: parts.flatMap(({ messages }) => messages).slice(0, turns) };
}

/** @param {(request: Request) => string} key */
const ofTheWhole =
  (key) =>
  /** @param {Request} whole */
  ({ messages, ...rest }) => {
    /** @type {Request} */
    const request = { ...rest, messages: [] };
    return messages.map((message) => {
      request.messages.push(message);
      return key(request);
    });
  };

const peers = STABLE_STRINGIFY.map(({ name, load }) => ({
  name,
  async load() {
    const stringify = await load();
    return ofTheWhole((request) => digest(stringify(request)));
  },
}));

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  title: 'A conversation: a key at every turn',
  note: 'append takes in the turn alone; all others read the whole request at every turn.',
  cells: CELLS.map(({ id, label, turns }) => ({
    id,
    label,
    bytes: Buffer.byteLength(JSON.stringify(conversation(turns, 0))),
  })),
  inputs: (cellId) =>
    Array.from({ length: VARIANTS }, (_, variant) => conversation(Number(cellId), variant)),
  expected: (whole) => ofTheWhole((request) => sha256Hex(canonicalText(request)))(whole).join('\n'),
  contenders: [
    ...ENGINES.flatMap((engine) => [
      {
        name: `samekey ${engine}, append`,
        load: () =>
          loadSamekey(
            engine,
            ({ createConversation }) =>
              (/** @type {Request} */ { messages, ...rest }) => {
                const growing = createConversation({ ...rest, messages: [] });
                return messages.map((message) => growing.append(message));
              },
          ),
        read: keysHex,
      },
      {
        name: `samekey ${engine}, keyOf`,
        load: () => loadSamekey(engine, ({ keyOf }) => ofTheWhole((request) => keyOf(request))),
        read: keysHex,
      },
    ]),
    ...peers.map((peer) => ({ ...peer, read: keysHex })),
  ],
  peers: peers.map(({ name }) => name),
  ratios: [
    { of: 'samekey auto, append', over: 'samekey auto, keyOf' },
    { of: 'samekey auto, append', over: BEST_PEER },
    { of: 'samekey wasm, append', over: 'samekey wasm, keyOf' },
  ],
};
