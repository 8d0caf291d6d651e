/**
 * The request bodies that `keyOf` and `keyOfJson` are timed on: typical requests to LLM APIs, made from a seed.
 *
 * Each is written as JSON text and parsed again, so that its strings are flat and separate, as in an
 * application that has read a request. Concatenated literals would favour code that copies ropes fast.
 * Prose has line breaks and quotes; member names are not sorted.
 */
import { createRandom } from './random.mjs';

/** @typedef {ReturnType<typeof createRandom>} Random */

const WORDS = `the of and to in is that for it as with on be at by this from or an are not have was
which can one all if more when will would there their what about time model request answer system
customer order refund shipping invoice policy please explain check again between result because
payment error retry network deadline provider account message content before after under during
through return value string number list table query index review summary document section clause`.split(
  /\s+/,
);
const ACCENTED = 'café naïve größer Straße élève déjà señor año São coração über façade'.split(' ');
const CJK =
  '請求書の支払いが完了しましたか返金手続き模型回答顧客注文配送政策確認再試行網路錯誤契約条項';
const EMOJI = ['🙂', '🚀', '👩‍💻', '✅', '📦', '🇯🇵'];
const CODE = [
  '```ts\nconst body = { "retry": true };\n\tawait send(body);\n```',
  '`C:\\temp\\orders.json`',
  '"exactly as written"',
];

/**
 * @param {Random} random
 * @param {number} length characters, at least
 * @param {(random: Random) => string} word
 * @returns {string}
 */
function prose(random, length, word = (r) => r.pick(WORDS)) {
  let text = '';
  let sentence = 0;
  while (text.length < length) {
    text += word(random);
    sentence++;
    if (sentence > 6 && random.below(8) === 0) {
      text += random.pick(['. ', '. ', '? ', '.\n', '.\n\n']);
      if (random.below(12) === 0) text += `${random.pick(CODE)}\n`;
      sentence = 0;
    } else {
      text += random.below(14) === 0 ? ', ' : ' ';
    }
  }
  // Cut at a space, so that no surrogate pair is cut.
  return text.slice(0, text.lastIndexOf(' ', length));
}

/** @param {Random} random */
const id = (random, prefix = 'toolu_') =>
  prefix + Buffer.from(random.bytes(15)).toString('base64url');

/** @param {Random} random */
const smallChat = (random) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  temperature: 0.2,
  messages: [{ role: 'user', content: prose(random, 88) }],
});

/** @param {Random} random */
const tenTurns = (random) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 2048,
  system: prose(random, 420),
  messages: Array.from({ length: 10 }, (_, turn) => ({
    role: turn % 2 === 0 ? 'user' : 'assistant',
    content:
      turn % 3 === 2
        ? [
            { type: 'text', text: prose(random, 260) },
            {
              type: 'tool_use',
              id: id(random),
              name: 'look_up',
              input: { query: prose(random, 40) },
            },
          ]
        : prose(random, 400),
  })),
  metadata: { user_id: id(random, 'user_') },
});

/** @param {Random} random */
const toolSchemas = (random) => ({
  model: 'gpt-5',
  messages: [{ role: 'user', content: prose(random, 120) }],
  tools: Array.from({ length: 24 }, (_, tool) => ({
    type: 'function',
    function: {
      name: `${random.pick(WORDS)}_${random.pick(WORDS)}_${tool}`,
      description: prose(random, 110),
      strict: true,
      parameters: {
        type: 'object',
        properties: {
          query: { type: 'string', description: prose(random, 60), minLength: 1 },
          limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
          sort: { type: 'string', enum: ['newest', 'oldest', 'relevance'] },
          filter: {
            type: 'object',
            properties: { since: { type: 'string', format: 'date-time' } },
            additionalProperties: false,
          },
        },
        required: ['query', 'limit'],
        additionalProperties: false,
      },
    },
  })),
  tool_choice: 'auto',
});

/**
 * Retrieved documents: plain English and accented ones (one-byte strings in V8), Chinese-Japanese ones
 * and ones with emoji (two-byte strings).
 *
 * @param {Random} random
 */
const longContext = (random) => ({
  model: 'gemini-2.5-pro',
  contents: [
    {
      role: 'user',
      parts: Array.from({ length: 12 }, (_, part) => {
        switch (part % 4) {
          case 0:
            return { text: prose(random, 9_000) };
          case 1:
            return {
              text: prose(random, 8_500, (r) => r.pick(r.below(5) === 0 ? ACCENTED : WORDS)),
            };
          case 2:
            return { text: prose(random, 2_900, (r) => r.pick([...CJK]) + r.pick([...CJK])) };
          default:
            return {
              text: prose(random, 8_000, (r) => r.pick(r.below(12) === 0 ? EMOJI : WORDS)),
            };
        }
      }),
    },
  ],
  generationConfig: { temperature: 0, maxOutputTokens: 4096 },
});

/** @param {Random} random */
const embeddings = (random) => ({
  model: 'text-embedding-3-large',
  input: Array.from({ length: 256 }, () => prose(random, 196)),
  encoding_format: 'float',
});

/** @param {Random} random */
const floats = (random) => ({
  model: 'rerank-1',
  query: prose(random, 60),
  vector: Array.from({ length: 10_000 }, () => (random.fraction() - 0.5) / 4),
});

/**
 * The result of the tool of a crawler or a file browser: a tree of nodes with short members, nested
 * lists and children. In the whole request containers are nested 24 deep.
 *
 * @param {Random} random
 * @param {number} depth levels of children below this node
 * @returns {unknown}
 */
const treeNode = (random, depth) => ({
  name: `${random.pick(WORDS)}-${random.below(1000)}`,
  kind: depth === 0 ? 'file' : 'folder',
  size: random.below(1 << 24),
  attributes: {
    owner: { id: random.below(5000), groups: [[random.pick(WORDS)], [random.pick(WORDS)]] },
    modified: { by: null, at: `2025-11-${10 + random.below(20)}T08:00:00Z`, draft: false },
  },
  marks: [[random.below(90), random.below(90)], [], [{ ok: true, score: random.below(100) / 4 }]],
  children: depth === 0 ? [] : Array.from({ length: 2 }, () => treeNode(random, depth - 1)),
});

/**
 * The turn of an agent after its tools have answered: little text, many small containers.
 *
 * @param {Random} random
 */
const toolResults = (random) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 4096,
  messages: [
    { role: 'user', content: prose(random, 200) },
    {
      role: 'assistant',
      content: Array.from({ length: 3 }, () => ({
        type: 'tool_use',
        id: id(random),
        name: 'list_tree',
        input: { path: `/${random.pick(WORDS)}/${random.pick(WORDS)}`, depth: 5 },
      })),
    },
    {
      role: 'user',
      content: Array.from({ length: 3 }, () => ({
        type: 'tool_result',
        tool_use_id: id(random),
        content: [{ type: 'json', json: { result: { root: treeNode(random, 5) }, error: null } }],
        is_error: false,
      })),
    },
  ],
});

/**
 * One object with ten thousand members in no order, such as a feature map or a word list.
 *
 * @param {Random} random
 */
const memberMap = (random) => ({
  model: 'classifier-2',
  features: Object.fromEntries(
    Array.from({ length: 10_000 }, (_, member) => [
      `${random.pick(WORDS)}_${random.below(1 << 28).toString(36)}_${member.toString(36)}`,
      random.pick([random.below(1000), random.below(4000) / 8, true, null, random.pick(WORDS)]),
    ]),
  ),
});

/**
 * A turn of an agent: instructions, a question, two calls of tools and their results.
 *
 * @param {Random} random
 */
const agentTurn = (random) => ({
  model: 'claude-sonnet-4-5',
  max_tokens: 4096,
  temperature: 0.7,
  system: prose(random, 1800),
  messages: [
    { role: 'user', content: prose(random, 240) },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: prose(random, 180) },
        ...Array.from({ length: 2 }, () => ({
          type: 'tool_use',
          id: id(random),
          name: 'search_orders',
          input: { query: prose(random, 30), limit: 1 + random.below(50), open: true },
        })),
      ],
    },
    {
      role: 'user',
      content: Array.from({ length: 2 }, () => ({
        type: 'tool_result',
        tool_use_id: id(random),
        content: [{ type: 'text', text: prose(random, 900) }],
        is_error: false,
      })),
    },
    { role: 'assistant', content: prose(random, 400) },
    { role: 'user', content: prose(random, 120) },
  ],
  metadata: { user_id: id(random, 'user_') },
});

/** @param {Random} random */
const cjk = (random) => ({
  model: 'gemini-2.5-pro',
  contents: [
    {
      role: 'user',
      parts: [{ text: prose(random, 57_500, (r) => r.pick([...CJK]) + r.pick([...CJK])) }],
    },
  ],
});

/** @param {Random} random */
const audio = (random) => ({
  model: 'gpt-4o-audio-preview',
  modalities: ['text', 'audio'],
  messages: [
    {
      role: 'user',
      content: [
        {
          type: 'input_audio',
          input_audio: {
            data: Buffer.from(random.bytes(512_000)).toString('base64'),
            format: 'wav',
          },
        },
        { type: 'text', text: prose(random, 60) },
      ],
    },
  ],
});

/**
 * Rows of a table, as a tool or a database returns them.
 *
 * @param {Random} random
 */
const rows = (random) => ({
  model: 'gpt-5',
  rows: Array.from({ length: 400 }, (_, row) => ({
    id: 10_000 + row,
    sku: `${random.pick(WORDS)}-${random.below(1000)}`,
    name: `${random.pick(WORDS)} ${random.pick(WORDS)}`,
    price: random.below(100_000) / 100,
    quantity: random.below(500),
    in_stock: random.below(3) > 0,
    updated_at: `2025-11-${10 + random.below(20)}T08:00:00Z`,
    note: random.below(4) === 0 ? null : random.pick(WORDS),
  })),
});

/** @param {Random} random */
const newName = (random) => `${random.pick(WORDS)}_${random.pick(WORDS)}_${random.below(1 << 20)}`;

/**
 * A request whose objects have other names in every variant.
 *
 * @param {Random} random
 */
const changingShapes = (random) => ({
  model: 'm',
  records: Array.from({ length: 10 }, () =>
    Object.fromEntries(
      Array.from({ length: 6 }, () => [
        newName(random),
        random.pick([random.below(1000), random.below(4000) / 8, true, null, random.pick(WORDS)]),
      ]),
    ),
  ),
});

/**
 * The members of all objects in random order.
 *
 * @param {Random} random
 * @param {unknown} value
 * @returns {unknown}
 */
function shuffled(random, value) {
  if (Array.isArray(value)) return value.map((element) => shuffled(random, element));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => ({
    name,
    member: shuffled(random, member),
    place: random.fraction(),
  }));
  members.sort((a, b) => a.place - b.place);
  return Object.fromEntries(members.map(({ name, member }) => [name, member]));
}

/** @param {Random} random */
const thousandTools = (random) => ({
  model: 'gpt-5',
  messages: [{ role: 'user', content: prose(random, 120) }],
  tools: Array.from({ length: 1000 }, () => ({
    type: 'function',
    function: {
      name: newName(random),
      description: prose(random, 80),
      parameters: {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 4 }, () => [
            newName(random),
            { type: random.pick(['string', 'integer']), description: prose(random, 30) },
          ]),
        ),
        additionalProperties: false,
      },
    },
  })),
});

/** @type {Record<string, { label: string, make: (random: Random) => unknown }>} */
const PAYLOADS = {
  'small-chat': { label: 'small chat', make: smallChat },
  'agent-turn': { label: 'agent turn', make: agentTurn },
  'tool-schemas': { label: '24 tools', make: toolSchemas },
  cjk: { label: 'CJK', make: cjk },
  audio: { label: 'audio', make: audio },
  rows: { label: '400 rows', make: rows },
  embeddings: { label: '256 inputs', make: embeddings },
  floats: { label: '10k floats', make: floats },
  'member-map': { label: '10k members', make: memberMap },
  'long-context': { label: 'non-ASCII', make: longContext },
  'tool-results': { label: 'tool results', make: toolResults },
};

/** Requests whose shapes differ, for `groups/shapes.mjs`. @type {typeof PAYLOADS} */
const SHAPE_PAYLOADS = {
  'changing-shapes': { label: 'other names at each call', make: changingShapes },
  'random-order': {
    label: 'agent turn, random order',
    make: (random) => shuffled(random, agentTurn(random)),
  },
  'random-order-rows': {
    label: '400 rows, random order',
    make: (random) => shuffled(random, rows(random)),
  },
  'thousand-tools': { label: '1000 tools', make: thousandTools },
};

/** Parts of other groups. @type {typeof PAYLOADS} */
const OTHER_PAYLOADS = { 'ten-turns': { label: 'ten turns', make: tenTurns } };

export const payloadIds = Object.keys(PAYLOADS);
export const shapePayloadIds = Object.keys(SHAPE_PAYLOADS);

/** The payloads of which the geometric means are taken: one of each kind. */
export const KINDS = ['small-chat', 'agent-turn', 'tool-schemas', 'cjk', 'audio', 'rows'];

/**
 * @param {string} payloadId
 * @returns {string} a short name for the head of a table
 */
export const payloadLabel = (payloadId) => find(payloadId).label;

/**
 * @param {string} payloadId
 * @param {number} variant changes the content, not the shape
 * @returns {string} JSON text
 */
export const payloadText = (payloadId, variant) =>
  JSON.stringify(find(payloadId).make(createRandom(1 + variant)));

/** @param {string} payloadId */
function find(payloadId) {
  const payload = { ...PAYLOADS, ...SHAPE_PAYLOADS, ...OTHER_PAYLOADS }[payloadId];
  if (!payload) throw new RangeError(`Cannot make the payload "${payloadId}": it does not exist`);
  return payload;
}
