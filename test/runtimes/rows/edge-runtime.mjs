/**
 * Vercel's edge runtime, as Next.js uses it: code generation is off, and modules imported as
 * `….wasm?module` are compiled outside.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { damageFiles, withWrongConstant } from '../damage.mjs';
import { copyOf, imports, installed, remove, requestImports, versionOf } from '../project.mjs';
import { EDGE, JS, WASM } from './row.mjs';

const ENTRY = `${imports()}
globalThis.answer = conformance(samekey, vectors);
`;
const WITH_REQUESTS = `${imports()}${requestImports(EDGE)}
globalThis.answer = conformance(samekey, vectors);
globalThis.ask = askAll;
`;

/** @type {{name: string, expected: import('./row.mjs').Expected, requests?: import('./row.mjs').Platform, damage?: (module: Buffer) => Buffer}[]} */
const EDGES = [
  { name: 'Edge Runtime, no code generation', expected: WASM, requests: EDGE },
  {
    name: 'Edge Runtime, core.wasm that computes wrongly',
    expected: JS,
    damage: withWrongConstant,
  },
];

/**
 * Returns one script, and the modules that it finds among its globals, named as by Next.js.
 *
 * @param {import('../project.mjs').Project} project
 * @param {string} [contents]
 */
export async function bundleForEdge(project, contents = ENTRY) {
  const { build } = await import('esbuild');
  /** @type {Record<string, WebAssembly.Module>} */
  const modules = {};
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project.directory },
    bundle: true,
    format: 'iife',
    target: 'es2022',
    conditions: ['edge-light', 'worker', 'browser'],
    write: false,
    plugins: [
      {
        name: 'wasm?module',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /\.wasm\?module$/ }, ({ path: specifier, resolveDir }) => ({
            path: path.join(resolveDir, specifier.replace('?module', '')),
            namespace: 'wasm-module',
          }));
          onLoad({ filter: /./, namespace: 'wasm-module' }, ({ path: file }) => {
            const name = `wasm_${path.basename(file, '.wasm')}`;
            modules[name] = new WebAssembly.Module(readFileSync(file));
            return { contents: `export default globalThis.${name};` };
          });
        },
      },
    ],
  });
  return { source: outputFiles[0]?.text ?? '', modules };
}

/** Next.js gives its edge runtime a `process` whose functions throw. */
export function processOfNext() {
  const found = { env: {} };
  for (const name of Object.keys(process)) {
    if (name === 'env') continue;
    const refuse = () => {
      throw new Error(`A Node.js API is used (process.${name})`);
    };
    const isFunction = typeof Reflect.get(process, name) === 'function';
    Object.defineProperty(found, name, { value: isFunction ? refuse : undefined });
  }
  return found;
}

/** @type {import('./row.mjs').Group[]} */
export const edgeRuntimes = EDGES.map(({ name, expected, requests, damage }) => {
  const row = { name, expected, ...(requests && { requests }) };
  return {
    rows: [row],
    missing: () =>
      existsSync(installed('@edge-runtime/vm')) ? undefined : '@edge-runtime/vm is not installed',
    async run(project, report) {
      const { EdgeVM } = await import('@edge-runtime/vm');
      const own = damage ? copyOf(project) : project;
      try {
        if (damage) damageFiles(own, damage);
        const { source, modules } = await bundleForEdge(own, requests && WITH_REQUESTS);
        if (Object.keys(modules).length === 0) throw new Error('nothing imported a module');
        const edge = new EdgeVM({
          codeGeneration: { strings: false, wasm: false },
          extend: (context) => Object.assign(context, modules, { process: processOfNext() }),
        });
        edge.evaluate(source);
        // As text, because values cannot leave its realm.
        const taken = async (/** @type {Promise<unknown>} */ given) =>
          JSON.parse(JSON.stringify(await given));
        const result = await taken(edge.context.answer);
        const fetched = requests && (await taken(edge.context.ask()));
        report(row, {
          result,
          version: versionOf('@edge-runtime/vm'),
          ...(fetched && { fetched }),
        });
      } finally {
        if (own !== project) remove(own);
      }
    },
  };
});
