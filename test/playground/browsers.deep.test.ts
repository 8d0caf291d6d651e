import { cpSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { explain, identities, keyOf, keyOfJson } from '../../src/index.js';
import { readShareLink } from '../../src/playground/share-link.js';
import { folder, ROOT } from '../cli/program.js';

interface BrowserProgram {
  readonly name: string;
  missing(): string | undefined;
}
type Answer = Error | { readonly result: Seen };

/** The report of the driver. */
interface Seen {
  readonly engine: string;
  readonly key: string;
  readonly order: string[];
  readonly verdict: string;
  readonly link: string;
  readonly restored: { key: string; verdict: string; canonical: string; fault: string };
  readonly narrow: { order: string[]; overflow: number };
  readonly fault: string;
  readonly violations: string[];
}

const script = (name: string) => import(new URL(`../runtimes/rows/${name}`, import.meta.url).href);
const { BROWSERS } = (await script('browser-programs.mjs')) as { BROWSERS: BrowserProgram[] };
const { REPORT, visit } = (await script('pages.mjs')) as {
  REPORT: string;
  visit(
    browser: BrowserProgram,
    folder: string,
    pages: { file: string }[],
    timeoutMs: number,
  ): Promise<Answer[]>;
};

const PAGE_TIMEOUT_MS = 100_000;
const [FIRST, SECOND] = [{ model: 'm', trace_id: 't-1', text: 'Grüezi 🙂' }, { model: 'm' }];

/**
 * Uses the playground in frames, because its policy forbids it to report anything. A page of the same
 * origin may look into a frame.
 */
const DRIVER = `${REPORT}
const wait = async (what, is) => {
  for (let i = 0; i < 2000; i++) {
    const found = is();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // WebKit's stack does not contain the message.
  throw 'the page never showed: ' + what;
};
async function openPlayground(hash, width) {
  const frame = document.createElement('iframe');
  // A browser stops the animations of a frame that is out of sight.
  frame.style.cssText = 'position: fixed; inset: 0 auto auto 0; border: 0; height: 900px; width: ' + width + 'px';
  frame.src = 'playground/index.html' + hash;
  document.body.append(frame);
  await wait('the page', () => frame.contentDocument?.getElementById('main')?.hidden === false);
  const doc = frame.contentDocument;
  const byId = (id) => doc.getElementById(id);
  const text = (id) => byId(id).textContent;
  const settled = async () => {
    await wait('the results', () => byId('results').getAttribute('aria-busy') === 'false');
  };
  const type = (id, value) => {
    byId(id).value = value;
    byId(id).dispatchEvent(new frame.contentWindow.Event('input', { bubbles: true }));
  };
  const key = () => doc.querySelector('#key-body .key-text')?.textContent ?? '';
  const order = () =>
    [...doc.querySelectorAll('#editor-a, #answer')]
      .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
      .map(({ id }) => id);
  const axe = async () => {
    const tag = doc.createElement('script');
    tag.src = '../axe.min.js';
    await new Promise((resolve) => {
      tag.onload = resolve;
      doc.head.append(tag);
    });
    await Promise.all(doc.getAnimations().map(({ finished }) => finished));
    const { violations } = await frame.contentWindow.axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html));
  };
  await settled();
  const overflow = () => doc.documentElement.scrollWidth - doc.documentElement.clientWidth;
  return { doc, frame, byId, text, settled, type, key, order, axe, overflow };
}
answer(async () => {
  const page = await openPlayground('', 1280);
  const engine = page.text('engine');
  const example = page.key();
  page.byId('compare-switch').click();
  page.type('text-a', ${JSON.stringify(JSON.stringify(FIRST))});
  page.type('text-b', ${JSON.stringify(JSON.stringify(SECOND))});
  page.doc.querySelector('input[value="volatile"]').click();
  await page.settled();
  page.type('field-hmac', 'hush-hush');
  page.byId('share-switch').click();
  const link = await wait('a link', () => page.byId('share-link').value);
  const other = await openPlayground(new URL(link).hash, 390);
  const cut = await openPlayground(new URL(link).hash.slice(0, -3), 390);
  return {
    engine,
    key: example,
    order: page.order(),
    verdict: page.text('verdict'),
    link: new URL(link).hash,
    restored: {
      key: other.key(),
      verdict: other.text('verdict'),
      canonical: (other.doc.querySelector('input[value="text"]').click(), other.text('canonical-body')),
      fault: other.text('link-fault'),
    },
    narrow: { order: other.order(), overflow: other.overflow() },
    fault: cut.text('link-fault'),
    violations: [...await page.axe(), ...await other.axe()],
  };
});
`;

const built = folder();

it.each(BROWSERS)('the playground works in $name, on a static host', async (browser) => {
  const missing = browser.missing();
  if (missing !== undefined) {
    console.warn(`The playground was not opened in ${browser.name}: ${missing}`);
    expect(process.env.CI, 'CI requires this browser').toBeFalsy();
    return;
  }
  cpSync(join(ROOT, 'dist/playground'), join(built.path, 'playground'), { recursive: true });
  cpSync(
    createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
    join(built.path, 'axe.min.js'),
  );
  built.write('driver.js', DRIVER);
  built.write(
    'index.html',
    '<!doctype html><meta charset="utf-8"><title>driver</title><script type="module" src="./driver.js"></script>',
  );
  const [answer] = await visit(browser, built.path, [{ file: 'index.html' }], PAGE_TIMEOUT_MS);
  if (answer === undefined || answer instanceof Error) throw answer;
  const seen = answer.result;
  expect(seen.engine).toMatch(/^Engine: WebAssembly/);
  expect(seen.key).toBe(keyOfJson(readFileSync(join(ROOT, 'examples/anthropic-messages.json'))));
  expect(seen.verdict).toContain('Different keys');
  expect(seen.verdict).toContain(keyOf(SECOND, identities.volatile));
  expect(seen.link).toMatch(/^#share\.1\.z\./);
  expect(await readShareLink(seen.link)).not.toContain('hush');
  expect(seen.restored).toEqual({
    key: keyOf(FIRST, identities.volatile),
    verdict: seen.verdict,
    canonical: explain(FIRST, identities.volatile).canonical,
    fault: '',
  });
  expect(seen.narrow).toEqual({ order: ['answer', 'editor-a'], overflow: 0 });
  expect(seen.fault).toBe('This link is incomplete or was changed: ask for the whole link.');
  expect(seen.violations).toEqual([]);
});
