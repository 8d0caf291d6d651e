/** Bundles on Node: every engine must work in the output of each bundler. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { imports } from '../project.mjs';
import { printed } from './processes.mjs';
import { NATIVE_WASM } from './row.mjs';

const ENTRY = `${imports()}
console.log(JSON.stringify(await conformance(samekey, vectors)));
`;

/** @type {Record<string, (entry: string, directory: string, name: string) => Promise<unknown>>} */
const BUNDLERS = {
  async esbuild(entry, directory, name) {
    const { build } = await import('esbuild');
    await build({
      entryPoints: [entry],
      outfile: path.join(directory, name),
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      logLevel: 'warning',
    });
  },
  async webpack(entry, directory, name) {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      mode: 'production',
      target: 'es2022',
      entry,
      experiments: { outputModule: true },
      output: { path: directory, filename: name, library: { type: 'module' } },
      performance: false,
    });
    const stats = await promisify(compiler.run.bind(compiler))();
    if (stats?.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
    await promisify(compiler.close.bind(compiler))();
  },
  async rollup(entry, directory, name) {
    const { rollup } = await import('@rollup/wasm-node');
    const { nodeResolve } = await import('@rollup/plugin-node-resolve');
    const bundle = await rollup({ input: entry, plugins: [nodeResolve()] });
    await bundle.write({ file: path.join(directory, name), format: 'es' });
    await bundle.close();
  },
};

/** @type {import('./row.mjs').Group[]} */
export const bundlers = Object.entries(BUNDLERS).map(([bundler, bundle]) => {
  const row = { name: `Node 20, bundled by ${bundler}`, expected: NATIVE_WASM };
  return {
    rows: [row],
    async run(project, report) {
      const entry = project.write(`${bundler}-entry.mjs`, ENTRY);
      // Outside the project, so that a missing module is noticed.
      const directory = mkdtempSync(path.join(tmpdir(), 'samekey-bundle-'));
      try {
        const name = 'bundle.mjs';
        await bundle(entry, directory, name);
        const result = await printed(process.execPath, [path.join(directory, name)], directory);
        report(row, { result });
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  };
});
