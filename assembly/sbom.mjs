/**
 * Writes the bill of materials of a packed tarball, as CycloneDX 1.5:
 *
 *     node assembly/sbom.mjs samekey-0.1.0.tgz > samekey-0.1.0.cdx.json
 *
 * `npm sbom` lists what an installation adds, which is nothing. This also lists the packages whose
 * code is in the bundles, because their advisories count. The same tarball gives the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NAMESPACE_URL, uuidv5 } from '../dist/index.js';

const [tarball] = process.argv.slice(2);
if (tarball === undefined) throw new Error('Cannot write the bill of materials: name a tarball');

const tar = (...args) => execFileSync('tar', args, { encoding: 'utf8' });
const manifest = JSON.parse(tar('-xzOf', tarball, 'package/package.json'));
const digest = createHash('sha512').update(readFileSync(tarball)).digest('hex');
const bundled = JSON.parse(readFileSync('build/bundled.json', 'utf8'));

const installed = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
if (installed.length > 0) {
  throw new Error(`Cannot write the bill of materials: it has no place for ${installed}`);
}

// The list is of the last build. The tarball may be of another one.
const licences = tar('-tzf', tarball).match(/dist\/.*\.LICENSE$/gm) ?? [];
const wanted = bundled.flatMap(({ name, folders }) =>
  folders.map((folder) => `${folder}/${name.replace('/', '-')}.LICENSE`),
);
if (JSON.stringify(licences.sort()) !== JSON.stringify(wanted.sort())) {
  throw new Error(`Cannot write the bill of materials: ${tarball} is not of this build`);
}

const purlOf = ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

function componentOf(each) {
  const { name, version, license } = each;
  return {
    type: 'library',
    'bom-ref': purlOf(each),
    name,
    version,
    scope: 'required',
    purl: purlOf(each),
    licenses: [{ license: { id: license } }],
  };
}

const self = componentOf(manifest);
const components = bundled.map((each) => ({
  ...componentOf(each),
  properties: [
    { name: 'cdx:npm:package:bundled', value: 'true' },
    ...each.folders.map((folder) => ({ name: 'samekey:bundledIn', value: folder })),
  ],
}));

const bill = {
  $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  serialNumber: `urn:uuid:${uuidv5(NAMESPACE_URL, `sha512:${digest}`)}`,
  version: 1,
  metadata: {
    lifecycles: [{ phase: 'build' }],
    component: { ...self, hashes: [{ alg: 'SHA-512', content: digest }] },
  },
  components,
  dependencies: [
    { ref: self['bom-ref'], dependsOn: components.map((each) => each['bom-ref']) },
    ...components.map((each) => ({ ref: each['bom-ref'], dependsOn: [] })),
  ],
};
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);
