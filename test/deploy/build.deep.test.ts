import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT, samekey } from '../cli/program.js';
import { DEPLOY } from './dockerfile.js';
import { clients, dockerfile, isRoot } from './image.js';

/** The rules of `Dockerfile.dockerignore`; the last one that fits a path counts. */
const rules = readFileSync(join(DEPLOY, 'Dockerfile.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const pattern = line.replace(/^!/, '');
    const source = pattern
      .replace(/[.]/g, '\\.')
      .replace(/\*\*\//g, '(?:.+/)?')
      .replace(/(?<!\))\*/g, '[^/]*');
    return { isIgnored: pattern === line, pattern: new RegExp(`^${source}(?:/|$)`) };
  });
const isIgnored = (path: string) =>
  rules.findLast(({ pattern }) => pattern.test(path))?.isIgnored ?? false;

const MORE = [
  '.env',
  '.git/config',
  'src/.env.local',
  'node_modules/a/index.js',
  'src/a/node_modules/b',
];

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'samekey-build-'));
});
afterAll(() => rmSync(root, { recursive: true }));

it('the Dockerfile builds the package from what its context has', async () => {
  const context = join(root, 'context');
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(MORE.filter((path) => !isIgnored(path))).toEqual([]);
  for (const file of files.filter((path) => !isIgnored(path) && existsSync(join(ROOT, path)))) {
    mkdirSync(dirname(join(context, file)), { recursive: true });
    cpSync(join(ROOT, file), join(context, file));
  }
  expect(readdirSync(context)).not.toContain('test');

  let installCount = 0;
  for (const { name: stage, instructions } of dockerfile.stages) {
    let folder = join(root, 'stages', stage || 'image');
    const top = folder;
    mkdirSync(folder, { recursive: true });
    for (const { name, text } of instructions) {
      if (name === 'WORKDIR') {
        folder = join(top, text);
        mkdirSync(folder, { recursive: true });
      } else if (name === 'COPY') {
        const [, from, words = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
        const paths = words.split(' ');
        const to = join(folder, paths.pop() as string);
        const source = from === undefined ? context : join(root, 'stages', from);
        for (const path of paths) {
          // As Docker does: a folder is copied as its content, a file into the folder.
          execFileSync('sh', [
            '-c',
            'mkdir -p "$2"; [ -d "$1" ] && set -- "$1/." "$2"; cp -a "$@"',
            '-',
            join(source, path),
            to,
          ]);
        }
      } else if (name === 'RUN' && stage === 'package' && text.startsWith('npm ci')) {
        // It would install what the tests have.
        installCount++;
        execFileSync('cp', ['-al', join(ROOT, 'node_modules'), folder]);
      } else if (name === 'RUN') {
        if (text.startsWith('npm ci')) installCount++;
        const here = text.replaceAll(' /', ` ${top}/`);
        // Only root may give a folder to another user.
        const command = isRoot ? here : here.replaceAll(/ -[og] \d+/g, '');
        execFileSync('sh', ['-ec', command], { cwd: folder, stdio: 'pipe' });
      }
    }
  }
  expect(installCount).toBe(2);

  const { TMPDIR = '' } = dockerfile.environment;
  const { uid, gid, mode } = statSync(join(root, 'stages', 'image', TMPDIR));
  expect(mode & 0o777).toBe(0o700);
  if (isRoot) expect(`${uid}:${gid}`).toBe(dockerfile.textOf('USER'));

  const app = join(root, 'stages', 'image', 'app');
  expect(readdirSync(app)).toEqual(['node_modules']);
  const { packages } = JSON.parse(
    readFileSync(join(root, 'stages/modules/app/node_modules/.package-lock.json'), 'utf8'),
  );
  const installed = Object.entries<{ version: string }>(packages).map(
    ([path, { version }]) => `${path} ${version}`,
  );
  expect(installed).toEqual(clients().map(({ path, version }) => `${path} ${version}`));
  const program = join(app, 'node_modules/samekey/dist/cli/samekey.js');
  const { stdout } = await samekey(['--version'], { program, cwd: app });
  expect(stdout.trim()).toBe(/version="([^"]+)"/.exec(dockerfile.textOf('LABEL'))?.[1]);
});
