/**
 * Packs samekey and compiles programs that use it: with every TypeScript of package.json, both module
 * resolutions, and the declarations of the DOM, of Node, or neither. Also checks the declarations of
 * the package (`skipLibCheck` is off).
 */
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
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
  bun: { lib: ['esnext'], types: ['bun'], files: ['bun.ts'] },
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
  for (const name of ['@types', 'bun-types', 'csstype', 'undici-types']) {
    symlinkSync(join(here, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  for (const file of PLATFORM.dom.files.concat('node.ts', 'bun.ts'))
    cpSync(join(here, file), join(project, file));

  const configs = Object.entries(RESOLUTION).flatMap(([resolution, modules]) =>
    Object.entries(PLATFORM).map(([platform, { files, ...library }]) => {
      const name = `${resolution}-${platform}.json`;
      const compilerOptions = {
        ...modules,
        ...library,
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        noEmit: true,
        // Bun's declarations have faults of their own.
        skipLibCheck: platform === 'bun',
        // TypeScript's own libraries are not checked: that would take half of the time.
        skipDefaultLibCheck: true,
      };
      writeFileSync(join(project, name), JSON.stringify({ compilerOptions, files }));
      return name;
    }),
  );
  const queue = [...compilers];
  const work = async () => {
    for (let compiler = queue.shift(); compiler !== undefined; compiler = queue.shift()) {
      // One process builds all projects and reads the libraries once.
      const tsc = join(here, 'node_modules', compiler, 'bin', 'tsc');
      const { code, stdout } = await new Promise((resolve) =>
        execFile(
          process.execPath,
          [tsc, '--build', '--force', ...configs],
          { cwd: project },
          (error, stdout) => resolve({ code: error === null ? 0 : error.code, stdout }),
        ),
      );
      if (code !== 0) failures++;
      console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${compiler}: ${configs.join(' ')} ${stdout}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
} finally {
  rmSync(project, { recursive: true });
}
process.exitCode = failures === 0 ? 0 : 1;
