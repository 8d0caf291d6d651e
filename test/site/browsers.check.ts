import { expect, inject, it, onTestFinished } from 'vitest';
import { serveSite } from './serve.js';

interface Browser {
  readonly name: string;
  missing(): string | undefined;
}

interface Browsers {
  readonly BROWSERS: readonly Browser[];
  open(browser: Browser, url: string): () => Promise<void>;
}

const { BROWSERS, open }: Browsers = await import(
  new URL('../runtimes/rows/browser-programs.mjs', import.meta.url).href
);

interface Report {
  readonly heading: string;
  readonly overflow: number;
  readonly results: readonly string[];
  readonly errors: readonly string[];
}

/** A page that searches by itself, and reports what it found. */
const SEARCHING = `<script type="module">
const errors = [];
addEventListener('error', ({ message }) => errors.push(message));
addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
const until = async (find) => {
  for (;;) {
    const found = find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
await until(() => document.querySelector('#app')?.__vue_app__);
dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, cancelable: true }));
const input = await until(() => document.querySelector('#localsearch-input'));
input.value = 'fencing token';
input.dispatchEvent(new Event('input'));
await until(() => document.querySelector('#localsearch-list .result'));
const report = {
  heading: document.querySelector('h1').textContent,
  overflow: document.documentElement.scrollWidth - innerWidth,
  results: [...document.querySelectorAll('#localsearch-list a')].map(({ href }) => href),
  errors,
};
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
</script>`;

/** test/site/site.check.ts looks at Chromium. */
const others = BROWSERS.filter(({ name }) => name !== 'Chromium');

it.each(others)('$name shows and searches the site', async (browser) => {
  const reason = browser.missing();
  if (reason !== undefined) {
    console.warn(`not run: ${browser.name}: ${reason}`);
    expect(process.env.CI, reason).toBeFalsy();
    return;
  }
  const { folder, base } = inject('site');
  let report: Report | undefined;
  const site = await serveSite(folder, base, {
    inject: SEARCHING,
    onReport: (value) => {
      report = value as Report;
    },
  });
  const close = open(browser, `${site.address}once.html`);
  onTestFinished(async () => {
    await close();
    await site.close();
  });
  await expect.poll(() => report, { timeout: 100_000 }).toBeDefined();
  expect(report).toMatchObject({
    heading: expect.stringContaining('How does samekey run a function at most once?'),
    overflow: 0,
    errors: [],
  });
  expect(
    report?.results.some(
      (href) => href.includes(`${base}guarantees.html`) || href.includes(`${base}invariants.html`),
    ),
  ).toBe(true);
});
