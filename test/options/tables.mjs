/**
 * The tables of options in docs/, from the specifications in src/ and their JSDoc comments:
 * `npm run docs` writes them, test/options/tables.test.ts compares them.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where each function's specification is, which page shows it, and whose options it has besides. */
const TABLES = {
  createOnce: ['docs/once.md', 'src/once/options.ts', 'onceOptions'],
  encryptedCodec: ['docs/once.md', 'src/once/encrypted-codec.ts', 'encryptedCodecOptions'],
  onceTool: ['docs/once.md', 'src/once/tool.ts', 'toolOptions'],
  idempotency: ['docs/once.md', 'src/once/config-options.ts', 'configOptions'],
  idempotentFetch: ['docs/fetch.md', 'src/fetch/options.ts', 'fetchOptions', 'createOnce'],
  withRetry: ['docs/retry.md', 'src/fetch/retry/options.ts', 'retryOptions'],
  retryBudget: ['docs/retry.md', 'src/fetch/retry/budget.ts', 'budgetOptions'],
  idempotent: ['docs/server.md', 'src/server/options.ts', 'serverOptions', 'createOnce'],
  idempotencyMiddleware: [
    'docs/ai-sdk.md',
    'src/ai-sdk/options.ts',
    'middlewareOptions',
    'createOnce',
  ],
  idempotentTools: ['docs/agents.md', 'src/mcp/options.ts', 'toolsOptions', 'createOnce'],
  handler: ['docs/agents.md', 'src/mcp/options.ts', 'handlerOptions'],
  planBatch: ['docs/batch.md', 'src/batch/options.ts', 'planOptions'],
  createBatch: ['docs/batch.md', 'src/batch/options.ts', 'createOptions'],
  recordResults: ['docs/batch.md', 'src/batch/options.ts', 'recordOptions'],
  resultsOf: ['docs/batch.md', 'src/batch/options.ts', 'resultsOptions'],
  memoryStore: ['docs/stores.md', 'src/store/memory.ts', 'memoryStoreOptions'],
  durableObjectStore: [
    'docs/stores.md',
    'src/store/durable-object.ts',
    'durableObjectStoreOptions',
  ],
  lmdbStore: ['docs/stores.md', 'src/store/lmdb.ts', 'lmdbStoreOptions'],
  sqliteStore: ['docs/stores.md', 'src/store/sqlite.ts', 'sqliteStoreOptions'],
  redisStore: ['docs/stores.md', 'src/store/redis.ts', 'redisStoreOptions'],
  mysqlStore: ['docs/stores.md', 'src/store/mysql.ts', 'mysqlStoreOptions'],
  upstashStore: ['docs/stores.md', 'src/store/upstash.ts', 'upstashStoreOptions'],
  postgresStore: ['docs/stores.md', 'src/store/postgres.ts', 'postgresStoreOptions'],
  dynamoDbStore: ['docs/stores.md', 'src/store/dynamodb.ts', 'dynamoDbStoreOptions'],
  storeConformance: ['docs/stores.md', 'src/store/conformance/stage.ts', 'conformanceOptions'],
  createPool: ['docs/many-keys.md', 'src/pool/options.ts', 'poolOptions'],
  jsonLines: ['docs/many-keys.md', 'src/pool/options.ts', 'jsonLinesOptions'],
  proxy: ['docs/proxy.md', 'src/cli/proxy-flags.ts', 'proxyFlags'],
};

/** The pages with tables. */
export const PAGES = [...new Set(Object.values(TABLES).map(([page]) => page))];

const docKey = (name) => `doc:${name}`;

/**
 * Puts the comment of each property into the object, beside it, under a symbol: whatever copies the
 * specification copies its sentence.
 */
function withSentences(source) {
  const exported = source.replaceAll(
    /^const (\w+) = (?=\/\* @__PURE__ \*\/ specs)/gm,
    'export const $1 = ',
  );
  return exported.replaceAll(/specs\(\(\) => \(\{\n[\s\S]*?\n\}\)\)/g, (block) =>
    block.replaceAll(
      /^( *)\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:\/\/.*\s*)*(\w+)(?=[:,])/gm,
      (_, indent, comment, name) => {
        const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trim());
        const [sentence, fallback] = lines.filter(Boolean).join(' ').split(' @defaultValue ');
        const doc = JSON.stringify({ sentence, fallback });
        return `${indent}[Symbol.for(${JSON.stringify(docKey(name))})]: ${doc},\n${indent}${name}`;
      },
    ),
  );
}

/** Returns the specifications by the names of their functions. */
export async function readSpecs() {
  const lines = Object.entries(TABLES).map(
    ([name, [, file, variable]]) => `export { ${variable} as ${name} } from './${file}';`,
  );
  lines.push("export { PROXY_FLAGS } from './src/cli/proxy-flags.js';");
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['lmdb', '@aws-sdk/client-dynamodb'],
    write: false,
    plugins: [
      {
        name: 'sentences of options',
        setup({ onLoad }) {
          onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, 'utf8');
            return source.includes('specs(() => ({')
              ? { contents: withSentences(source), loader: 'ts' }
              : undefined;
          });
        },
      },
    ],
  });
  const folder = `${root}build/options`;
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/specs-${process.pid}.mjs`;
  writeFileSync(file, outputFiles[0].contents);
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(file);
  }
}

/** The comment of an option: its sentence, and the default that is no plain value. */
export const docOf = (specs, name) => specs[Symbol.for(docKey(name))];

const UNITS = {
  duration: [
    [366 * 24 * 3600e3, 'years'],
    [24 * 3600e3, 'days'],
    [3600e3, 'h'],
    [60e3, 'min'],
    [1000, 's'],
    [1, 'ms'],
  ],
  byteCount: [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
    [1, 'B'],
  ],
};

/** `30 s`, `16 MiB`: a number in the largest unit that leaves at most one decimal. */
export function amount(kind, value) {
  // The largest signed number of 32 bits stands for its power of two.
  const whole = value === 2 ** 31 - 1 && kind === 'byteCount' ? 2 ** 31 : value;
  for (const [size, unit] of UNITS[kind] ?? []) {
    const count = whole / size;
    // `24 h`, but `30 days`.
    if (count < (unit === 'days' ? 2 : 1)) continue;
    if (Number.isInteger(count)) return `${count} ${unit}`;
    if (value === 2 ** 31 - 1) return `${Math.floor(count * 10) / 10} ${unit}`;
  }
  return String(value);
}

const NOUNS = {
  duration: 'milliseconds',
  byteCount: 'bytes',
  wholeNumber: 'whole number',
  number: 'number',
};

function typeOf(spec) {
  const { kind, wanted, min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  const noun = NOUNS[kind];
  if (noun === undefined) {
    const words = new Set(spec.words);
    const quoted = (text, word) => (words.has(word) ? `\`'${word}'\`` : text);
    return wanted
      .replace(/^an? /, '')
      .replaceAll(/\btext(s?)\b/g, 'string$1')
      .replaceAll(/"(\w+)"/g, quoted);
  }
  const most = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${amount(kind, max)}`;
  return min > 0 || most !== ''
    ? `${noun}, ${most === '' ? 'from ' : ''}${amount(kind, min)}${most}`
    : noun;
}

function defaultOf(spec, doc) {
  if (spec.isRequired) return 'required';
  if (doc.fallback !== undefined) return doc.fallback;
  const { kind, default: value } = spec;
  if (spec.specs !== undefined) return '';
  if (typeof value === 'number') return amount(kind, value);
  if (value === undefined || value.length === 0) return 'none';
  return `\`${JSON.stringify(value).replaceAll('"', "'").replaceAll(',', ', ')}\``;
}

function rowsOf(specs, names, labels = {}, prefix = '') {
  return names.flatMap((name) => {
    const spec = specs[name];
    const doc = docOf(specs, name);
    if (doc === undefined) throw new Error(`The option ${prefix}${name} has no JSDoc comment`);
    const cells = [
      `\`${labels[name] ?? prefix + name}\``,
      typeOf(spec),
      defaultOf(spec, doc),
      doc.sentence,
    ];
    const row = `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    return spec.specs === undefined
      ? [row]
      : [row, ...rowsOf(spec.specs, Object.keys(spec.specs), {}, `${prefix}${name}.`)];
  });
}

/** Returns the table of a function; options that it shares with its base are one line. */
export function renderTable(all, name) {
  const [, , , base] = TABLES[name];
  const specs = all[name];
  const names = Object.keys(specs);
  const isShared = (each) => base !== undefined && all[base][each] === specs[each];
  const own = names.filter((each) => !isShared(each));
  const lines = [
    '| option | value | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rowsOf(specs, own, name === 'proxy' ? all.PROXY_FLAGS : {}),
  ];
  const shared = names.filter(isShared).map((each) => `\`${each}\``);
  if (shared.length > 0) {
    lines.push(
      '',
      `\`${name}\` also has these options of [\`${base}\`](once.md#which-options-are-there): ${shared.join(', ')}.`,
    );
  }
  return lines.join('\n');
}

/** Returns a page with its tables; throws if one has no markers. */
export function renderPage(all, page, text) {
  let rendered = text;
  for (const [name, [where]] of Object.entries(TABLES)) {
    if (where !== page) continue;
    const [start, end] = ['start', 'end'].map((side) => `<!-- options:${name}:${side} -->`);
    const from = rendered.indexOf(start);
    const to = rendered.indexOf(end);
    if (from < 0 || to < from) throw new Error(`${page} has no ${start} … ${end}`);
    rendered = `${rendered.slice(0, from + start.length)}\n\n${renderTable(all, name)}\n\n${rendered.slice(to)}`;
  }
  return rendered;
}

/** The module of the sentences that `samekey proxy --help` prints. */
export const SENTENCES = 'src/cli/proxy-sentences.ts';

/** Returns the text of that module. */
export function renderSentences({ proxy }) {
  const lines = Object.keys(proxy).map((name) => {
    const { sentence } = docOf(proxy, name);
    const text = sentence.includes("'") ? JSON.stringify(sentence) : `'${sentence}'`;
    const line = `  ${name}: ${text},`;
    return line.length <= 100 ? line : `  ${name}:\n    ${text},`;
  });
  return `/** The sentences of proxy-flags.ts, written by \`npm run docs\`. */
export const PROXY_SENTENCES = {
${lines.join('\n')}
};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const all = await readSpecs();
  writeFileSync(root + SENTENCES, renderSentences(all));
  for (const page of PAGES) {
    const text = readFileSync(root + page, 'utf8');
    writeFileSync(root + page, renderPage(all, page, text));
  }
}
