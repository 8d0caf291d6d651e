import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Reader, stepsOf } from './guides.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** `test/runtimes/examples.mjs` follows the one that needs wrangler. */
const GUIDES = readdirSync(join(ROOT, 'docs/guides')).filter(
  (name) => name.endsWith('.md') && name !== 'on-workers.md',
);

const root = mkdtempSync(join(tmpdir(), 'samekey-guides-'));
const samekey = join(root, 'package');
afterAll(() => rmSync(root, { recursive: true, force: true }));

// The tarball that `npm publish` sends.
beforeAll(() => {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', root], {
    cwd: ROOT,
    stdio: 'ignore',
  });
  const [tarball = ''] = readdirSync(root);
  execFileSync('tar', ['-xzf', tarball], { cwd: root });
});

function packageFolder(name: string): string {
  if (name === 'samekey') return samekey;
  const path = join(ROOT, 'node_modules', name);
  if (!existsSync(path)) throw new Error(`the tests have no package ${name}`);
  return path;
}

async function follow(name: string, markdown: string): Promise<void> {
  const folder = join(root, name);
  mkdirSync(folder);
  const reader = new Reader(folder, packageFolder);
  try {
    await reader.follow(stepsOf(markdown));
  } finally {
    reader.stop();
  }
}

/** The programs that a guide needs beside Node.js. */
const NEEDS = ['python3', 'go'];
const isThere = (program: string) =>
  spawnSync(program, [program === 'go' ? 'version' : '--version']).status === 0;

describe.concurrent('a newcomer who follows', () => {
  it.each(GUIDES)('%s sees what it shows', async (name) => {
    const page = readFileSync(join(ROOT, 'docs/guides', name), 'utf8');
    const missing = NEEDS.filter((need) => page.includes(`\n${need} `) && !isThere(need));
    if (missing.length === 0) return follow(name, page);
    console.warn(`${missing.join(' and ')} is not here, so this guide was not followed: ${name}`);
    expect(process.env.CI, `in CI there must be ${missing.join(' and ')}`).toBeFalsy();
  });
});

describe('the reader of guides', () => {
  const block = (fence: string, code: string) => `\`\`\`${fence}\n${code}\n\`\`\`\n`;

  it('fails for an output that differs, and for one that is not shown', async () => {
    const file = block('js', '// a.mjs\nconsole.log(1);');
    const run = block('sh', 'node a.mjs');
    await follow('right', `${file}${run}${block('text', '1')}`);
    await expect(follow('wrong', `${file}${run}${block('text', '2')}`)).rejects.toThrow();
    await expect(follow('unread', `${file}${run}`)).rejects.toThrow();
    const server = block('js', "// b.mjs\nconsole.log('up');\nsetInterval(() => {}, 1000);");
    const start = block('sh second-terminal', 'node b.mjs');
    await follow('server', `${server}${start}${block('text second-terminal', 'up')}`);
    await expect(follow('nameless', block('js', 'a();'))).rejects.toThrow('names no file');
  });
});
