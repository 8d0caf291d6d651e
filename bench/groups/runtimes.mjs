/**
 * Digests on platforms without node:crypto: Chromium, Firefox and workerd. One program measures inside
 * each of them. The browsers and workerd are those of test/runtimes.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { installed, versionOf } from '../../test/runtimes/project.mjs';
import { BROWSERS, versionOfBrowser } from '../../test/runtimes/rows/browser-programs.mjs';
import { REPORT, visit } from '../../test/runtimes/rows/pages.mjs';
import { startWorker } from '../../test/runtimes/rows/workerd.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { median } from '../rounds.mjs';
import { SIZES, SMALL_CHAT } from '../runtimes/inputs.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = path.join(root, 'bench/runtimes');
const FIRST_KEY = `ik_${sha256Hex(canonicalText(SMALL_CHAT))}`;
const PAGE_TIMEOUT_MS = 300_000;

const RATIOS = ['crypto.subtle', 'hash-wasm', '@noble/hashes'].map((over) => ({
  of: 'samekey',
  over,
}));

/**
 * @typedef {object} Measured
 * @property {import('../runtimes/digests.mjs').DigestTimes} digests
 * @property {FirstKeyMs} firstKeyMs
 * @property {FirstKeyMs} [parsedKeyMs] includes parsing, which browsers otherwise do earlier in another thread
 *
 * @typedef {{median: number, mean: number, least: number}} FirstKeyMs
 */

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'SHA-256 of bytes as hex text, where there is no node:crypto',
  note: 'All contenders live in one realm and take turns.',
  async measure({ quick }) {
    if (!existsSync(installed('miniflare'))) {
      throw new Error(
        'Cannot time runtimes: they are missing, wanted "npm ci --prefix test/runtimes --ignore-scripts" first',
      );
    }
    // Many short rounds, because a browser has load of its own and each ratio is of one round.
    const timing = { rounds: quick ? 7 : 31, batchMs: 20, warmupMs: quick ? 100 : 400 };
    const freshCount = quick ? 5 : 31;
    const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-'));
    try {
      const runtimes = [];
      for (const browser of BROWSERS.filter(({ name }) => name !== 'WebKitGTK')) {
        const why = browser.missing();
        if (why !== undefined) throw new Error(`${browser.name}: ${why}`);
        const measured = await inBrowser(browser, folder, timing, freshCount);
        runtimes.push(resultOf(browser.name, versionOfBrowser(browser), measured));
      }
      const measured = await inWorkerd(folder, timing, freshCount);
      runtimes.push(resultOf('workerd', versionOf('workerd'), measured));
      return { freshCount, runtimes };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/**
 * @param {string} name
 * @param {string} version
 * @param {Measured} measured
 */
function resultOf(name, version, { digests, firstKeyMs, parsedKeyMs }) {
  const { engine, notRun, cells, subtleFromBytes } = digests;
  if (engine !== 'wasm') throw new Error(`${name}: the engine is ${engine}, wanted wasm`);
  return {
    name,
    version,
    notRun,
    cells: cells.map(({ id, roundsNs }) => ({
      ...SIZES.find((size) => size.id === id),
      medianNs: Object.fromEntries(
        Object.entries(roundsNs).map(([contender, values]) => [contender, median(values)]),
      ),
      roundsNs,
    })),
    ratios: RATIOS.filter(({ over }) => !(over in notRun)).map(({ of, over }) => ({
      of,
      over,
      byCell: Object.fromEntries(
        cells.map(({ id, roundsNs }) => {
          const ratios = roundsNs[of]?.map((ns, round) => (roundsNs[over]?.[round] ?? 0) / ns);
          return [id, Number(median(ratios ?? []).toFixed(3))];
        }),
      ),
    })),
    subtleFromBytes,
    firstKeyMs,
    ...(parsedKeyMs && { parsedKeyMs }),
  };
}

/**
 * @param {'index' | 'workerd'} file of the library, as named by the condition of the runtime
 * @param {import('esbuild').BuildOptions} options
 */
const bundle = (file, options) =>
  build({
    alias: { samekey: path.join(root, `dist/${file}.js`) },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
    ...options,
  });

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} contents
 */
async function writePage(folder, name, contents) {
  await bundle('index', {
    stdin: { contents: `${contents}\n${REPORT}\nanswer(measure);`, resolveDir: source },
    outfile: path.join(folder, `${name}.js`),
    conditions: ['browser'],
  });
  const script = `<script type="module" src="./${name}.js"></script>`;
  writeFileSync(
    path.join(folder, `${name}.html`),
    `<!doctype html><meta charset="utf-8"><title>${name}</title>${script}\n`,
  );
  return { file: `${name}.html` };
}

/**
 * @param {import('../../test/runtimes/rows/browser-programs.mjs').Browser} browser
 * @param {string} folder
 * @param {import('../runtimes/digests.mjs').Timing} timing
 * @param {number} freshCount
 * @returns {Promise<Measured>}
 */
async function inBrowser(browser, folder, timing, freshCount) {
  await bundle('index', {
    stdin: { contents: `export { keyOf } from 'samekey';`, resolveDir: source },
    outfile: path.join(folder, 'key-of.js'),
    format: 'iife',
    globalName: 'library',
  });
  const firstKey = await writePage(
    folder,
    'first-key',
    `import { timeFirstKey } from './page-first-key.mjs'; const measure = timeFirstKey;`,
  );
  const parsedKey = await writePage(
    folder,
    'parsed-key',
    `import { timeParsedKey } from './page-parsed-key.mjs'; const measure = timeParsedKey;`,
  );
  const digests = await writePage(
    folder,
    'digests',
    `import { timeDigests } from './digests.mjs';
    const measure = () => timeDigests(${JSON.stringify(timing)});`,
  );
  const fresh = Array.from({ length: freshCount }, () => [firstKey, parsedKey]).flat();
  const answers = await visit(browser, folder, [...fresh, digests], PAGE_TIMEOUT_MS);
  const results = answers.map((answer) => {
    if (answer instanceof Error) throw answer;
    return answer.result;
  });
  const times = (/** @type {typeof firstKey} */ page) =>
    fresh.flatMap(({ file }, i) => (file === page.file ? [results[i]] : []));
  return {
    digests: results[fresh.length],
    firstKeyMs: firstKeyMs(times(firstKey)),
    parsedKeyMs: firstKeyMs(times(parsedKey)),
  };
}

/** @param {{key: string, ms: number}[]} firsts */
function firstKeyMs(firsts) {
  if (firsts.some(({ key }) => key !== FIRST_KEY)) throw new Error('the first key is wrong');
  const values = firsts.map(({ ms }) => ms);
  return {
    median: milliseconds(median(values)),
    // Where the clock ticks in milliseconds, only the mean of the figures has a meaning.
    mean: milliseconds(values.reduce((sum, ms) => sum + ms, 0) / values.length),
    least: milliseconds(Math.min(...values)),
  };
}

/**
 * @param {string} folder
 * @param {import('../runtimes/digests.mjs').Timing} timing
 * @param {number} freshCount
 * @returns {Promise<Measured>}
 */
async function inWorkerd(folder, timing, freshCount) {
  const worker = async (/** @type {string} */ name) => {
    const outdir = path.join(folder, name);
    await bundle('workerd', {
      entryPoints: [path.join(source, `${name}.mjs`)],
      outdir,
      conditions: ['workerd', 'worker', 'browser'],
      loader: { '.wasm': 'copy' },
      assetNames: '[name]',
    });
    return outdir;
  };

  const fresh = await worker('worker-first-key');
  const firsts = [];
  for (let i = 0; i < freshCount; i++) {
    const started = await startWorker(fresh, 'worker-first-key');
    const response = await started.dispatchFetch('http://localhost/');
    firsts.push(/** @type {any} */ (await response.json()));
    await started.dispose();
  }

  const started = await startWorker(await worker('worker-digests'), 'worker-digests');
  try {
    const response = await started.dispatchFetch('http://localhost/', {
      method: 'POST',
      // Its clock ticks in milliseconds.
      body: JSON.stringify({ ...timing, batchMs: 2 * timing.batchMs }),
    });
    if (!response.ok) throw new Error(await response.text());
    return {
      digests: /** @type {any} */ (await response.json()),
      firstKeyMs: firstKeyMs(firsts),
    };
  } finally {
    await started.dispose();
  }
}

/** @param {number} ms */
const milliseconds = (ms) => Number(ms.toFixed(2));
