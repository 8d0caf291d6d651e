/**
 * Runs the recipes of docs/agents.md: an agent of each library that is started twice, whose model words
 * its payment anew. `node test/sdks/agent-tools.mjs`, after `npm ci --prefix test/sdks --ignore-scripts`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProvider } from '../servers/llm-provider.mjs';

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));

const missing = [
  [here('node_modules'), 'npm ci --prefix test/sdks --ignore-scripts'],
  [here('../../dist/once'), 'npm run build'],
].find(([path]) => !existsSync(/** @type {string} */ (path)));
if (missing !== undefined) {
  console.log(
    `not run: the recipes of docs/agents.md: ${missing[0]} is missing, run \`${missing[1]}\``,
  );
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
const { createOnce, onceTool } = await import('../../dist/once/index.js');
const { memoryStore } = await import('../../dist/store/memory.js');

const page = readFileSync(here('../../docs/agents.md'), 'utf8');
const platformFetch = globalThis.fetch;
// A request that does not go to the fake provider must not leave the machine.
globalThis.fetch = () => {
  throw new Error('The library uses the global fetch.');
};
process.env.OPENAI_AGENTS_DISABLE_TRACING = '1';
const folder = mkdtempSync(here('node_modules/.agent-tools-'));

/**
 * Loads a recipe of the page. The names that it does not import from the library come as arguments.
 *
 * @returns {Promise<(given: object) => any>}
 */
async function recipe(/** @type {string} */ name) {
  const fence = '```';
  const start = `${fence}js no-run ${name}\n`;
  const at = page.indexOf(start);
  if (at < 0) throw new Error(`docs/agents.md has no recipe ${name}`);
  const code = page.slice(at + start.length, page.indexOf(fence, at + start.length));
  const lines = code.split('\n');
  const imports = lines.filter((line) => line.startsWith('import ') && !line.includes("'samekey"));
  const body = lines.filter((line) => !line.startsWith('import '));
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `${imports.join('\n')}
export const make = ({ createOnce, onceTool, store, payments }) => {
${body.join('\n').replace('export const payTool =', 'return')}
};
`,
  );
  return (await import(file)).make;
}

const question = 'Pay order 7.';

/** @type {Record<string, (payTool: any, fetch: typeof globalThis.fetch, user: string) => Promise<string>>} */
const AGENTS = {
  async 'openai-agents'(payTool, fetch, user) {
    const { Agent, OpenAIResponsesModel, run } = await import('@openai/agents');
    const { default: OpenAI } = await import('openai');
    const model = new OpenAIResponsesModel(
      /** @type {any} */ (new OpenAI({ apiKey: 'secret', fetch })),
      'm',
    );
    const agent = new Agent({ name: 'a', model, tools: [payTool] });
    const result = await run(agent, question, { context: { user } });
    const output = result.newItems.find(({ type }) => type === 'tool_call_output_item');
    return String(/** @type {any} */ (output).output);
  },
  async langchain(payTool, fetch, user) {
    const { ChatOpenAI } = await import('@langchain/openai');
    const model = new ChatOpenAI({ model: 'm', apiKey: 'secret', configuration: { fetch } });
    const { tool_calls: calls } = await model.bindTools([payTool]).invoke(question);
    const [call] = calls ?? [];
    const message = await payTool.invoke(call, { configurable: { user } });
    return message.content;
  },
};

/** Starts an agent for Anna twice and for Ben once. Returns what was billed and what its tools gave. */
async function bill(/** @type {string} */ name, /** @type {boolean} */ isOnce) {
  const provider = await startProvider((requestCount) => ({
    name: 'pay',
    arguments: JSON.stringify({ order: 7, amount: 20, reason: `wording ${requestCount}` }),
  }));
  /** @type {number[]} */
  const billed = [];
  const payments = {
    charge: async (/** @type {number} */ _, /** @type {number} */ amount) =>
      `receipt ${billed.push(amount)}`,
  };
  const make = await recipe(name);
  const payTool = make({
    createOnce,
    onceTool: isOnce ? onceTool : (/** @type {string} */ _, /** @type {unknown} */ fn) => fn,
    store: memoryStore(),
    payments,
  });
  const outputs = [];
  for (const user of ['anna', 'anna', 'ben'])
    outputs.push(await AGENTS[name]?.(payTool, provider.fetch(platformFetch), user));
  await provider.stop();
  return { billed: billed.length, outputs: outputs.join(', ') };
}

try {
  for (const name of Object.keys(AGENTS)) {
    for (const [isOnce, expected] of /** @type {const} */ ([
      [false, 'billed 3 times: receipt 1, receipt 2, receipt 3'],
      [true, 'billed 2 times: receipt 1, receipt 1, receipt 2'],
    ])) {
      const { billed, outputs } = await bill(name, isOnce);
      const is = `billed ${billed} times: ${outputs}`;
      const line = `${name}, ${isOnce ? 'with' : 'without'} samekey, for Anna twice and Ben: ${is}`;
      console.log(is === expected ? `ok      ${line}` : `failed  ${line}, wanted: ${expected}`);
      if (is !== expected) process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
