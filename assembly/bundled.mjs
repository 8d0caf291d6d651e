/**
 * The packages of others in the bundles: copies their licences beside the bundle, and lists them in
 * build/bundled.json for the bill of materials (sbom.mjs).
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** By name and version: a package in several bundles is listed once, with each of its folders. */
const packages = new Map();

/** Records the packages in a bundle of esbuild, which is in `folder`. */
export function recordBundled({ inputs }, folder) {
  const roots = Object.keys(inputs).map(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0],
  );
  for (const root of new Set(roots.filter(Boolean))) {
    const { name, version, license, repository } = JSON.parse(
      readFileSync(`${root}/package.json`, 'utf8'),
    );
    const file = readdirSync(root).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`Cannot copy the licence of ${name}: its package has none`);
    copyFileSync(`${root}/${file}`, `${folder}/${name.replace('/', '-')}.LICENSE`);
    const id = `${name}@${version}`;
    const found = packages.get(id) ?? { name, version, license, repository, folders: [] };
    packages.set(id, { ...found, folders: [...found.folders, folder].sort() });
  }
}

export function writeBundled() {
  mkdirSync('build', { recursive: true });
  const list = [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync('build/bundled.json', `${JSON.stringify(list, null, 2)}\n`);
}
