/**
 * Packs samekey and compiles its users against the package: every TypeScript of package.json, both
 * ways of resolving modules, with the declarations of the DOM, of Node, or neither. The package's
 * own declarations are checked as well (`skipLibCheck` is off).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const { devDependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const compilers = Object.keys(devDependencies).filter((name) => name.startsWith('typescript-'));

const RESOLUTION = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};
const PLATFORM = {
  neither: { lib: ['es2022'], types: [], files: ['surface.ts'] },
  dom: { lib: ['es2022', 'dom', 'dom.iterable'], types: [], files: ['surface.ts', 'dom.ts'] },
  node: { lib: ['es2022'], types: ['node'], files: ['surface.ts', 'node.ts'] },
};

const project = mkdtempSync(join(tmpdir(), 'samekey-types-'));
let failures = 0;
try {
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'samekey'), { recursive: true });
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  execFileSync('tar', ['-xzf', filename, '--strip-components=1', '-C', 'node_modules/samekey'], {
    cwd: project,
  });
  for (const name of ['@types', 'undici-types']) {
    symlinkSync(join(here, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  for (const file of PLATFORM.dom.files.concat('node.ts')) cpSync(join(here, file), join(project, file));

  const configs = Object.entries(RESOLUTION).flatMap(([resolution, modules]) =>
    Object.entries(PLATFORM).map(([platform, { files, ...library }]) => {
      const name = `${resolution}-${platform}`;
      const compilerOptions = {
        ...modules,
        ...library,
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        noEmit: true,
      };
      writeFileSync(join(project, `${name}.json`), JSON.stringify({ compilerOptions, files }));
      return name;
    }),
  );
  for (const compiler of compilers) {
    const tsc = join(here, 'node_modules', compiler, 'bin', 'tsc');
    for (const config of configs) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', `${config}.json`], {
        cwd: project,
        encoding: 'utf8',
      });
      const ok = status === 0;
      if (!ok) failures++;
      console.log(`${ok ? 'ok  ' : 'FAIL'} ${compiler} ${config}${ok ? '' : `\n${stdout}${stderr}`}`);
    }
  }
} finally {
  rmSync(project, { recursive: true });
}
process.exitCode = failures === 0 ? 0 : 1;
