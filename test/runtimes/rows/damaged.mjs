/** A damaged module in a process. The runtime itself accepts any module that compiles. */
import { damageFiles, damageInlined, truncated, withWrongConstant } from '../damage.mjs';
import { copyOf, imports, remove } from '../project.mjs';
import { printed } from './processes.mjs';
import { NATIVE_JS, NATIVE_WASM } from './row.mjs';

const ENTRY = `${imports()}
console.log(JSON.stringify(await conformance(samekey, vectors)));
`;

/**
 * A bundle for workerd that has the bytes of a .wasm file instead of a compiled module.
 *
 * @param {import('../project.mjs').Project} project
 */
async function withBytes(project) {
  const { build } = await import('esbuild');
  const outfile = project.write('bytes.mjs', '');
  await build({
    stdin: { contents: ENTRY, resolveDir: project.directory },
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd'],
    loader: { '.wasm': 'binary' },
    platform: 'neutral',
  });
  return outfile;
}

const plain = async (/** @type {import('../project.mjs').Project} */ project) =>
  project.write('damaged.mjs', ENTRY);

/** @type {{name: string, expected: import('./row.mjs').Expected, damage: (project: import('../project.mjs').Project) => void, entry: typeof plain}[]} */
const DAMAGED = [
  {
    name: 'Node 20, inlined digests that compute wrongly',
    expected: NATIVE_JS,
    damage: (project) => damageInlined(project, withWrongConstant),
    entry: plain,
  },
  {
    name: 'Node 20, inlined modules cut off',
    expected: NATIVE_JS,
    damage: (project) => damageInlined(project, truncated),
    entry: plain,
  },
  {
    name: 'Node 20, bundled by esbuild with the condition `workerd`',
    expected: NATIVE_WASM,
    damage: () => {},
    entry: withBytes,
  },
  {
    name: 'Node 20, bundled so, .wasm files cut off',
    expected: NATIVE_JS,
    damage: (project) => damageFiles(project, truncated),
    entry: withBytes,
  },
];

/** @type {import('./row.mjs').Group[]} */
export const damaged = DAMAGED.map(({ name, expected, damage, entry }) => {
  const row = { name, expected };
  return {
    rows: [row],
    async run(project, report) {
      const own = copyOf(project);
      try {
        damage(own);
        const file = await entry(own);
        report(row, { result: await printed(process.execPath, [file], own.directory) });
      } finally {
        remove(own);
      }
    },
  };
});
