import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** From the lowest layer to the highest: an import points to the left, or into its own folder. */
const LAYERS = [
  'errors',
  'options',
  'runtime',
  'engine',
  'hash',
  'json',
  'key',
  'providers',
  'pool',
  'store',
  'once',
  'request',
  'response',
  'cost',
  'fetch',
  'server',
  'batch',
  'ai-sdk',
  'mcp',
  'text',
  'proxy',
  'page',
  'dashboard',
  'playground',
  'cli',
];

/** Users of the library like any other, each a program or an entry point of its own. */
const USERS = LAYERS.slice(LAYERS.indexOf('pool')).filter((layer) => layer !== 'store');

/** The products on top, each importable alone: none imports another. */
const PRODUCTS = ['fetch', 'server', 'batch', 'ai-sdk', 'mcp'];

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

/** TypeScript without its comments, whose examples import things too. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '');
}

/** A file without its short strings, which in tests are content of requests. */
const withoutTexts = (file: string) =>
  readFileSync(file, 'utf8').replaceAll(/'[^'\n]*'|"[^"\n]*"|\b[a-z][a-zA-Z]*'s\b/g, '');

const STATIC = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm;
const TYPES = /^\s*(?:import|export)\s+type\b[^;]*;/gm;
const BARE = /^\s*import\s*['"]([^'"]+)['"]/gm;
/** Not a source: the build puts it beside the file that imports it. */
const COMPILED = /^\.\/\w+\.wasm(\?module)?$/;
const DYNAMIC = /\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g;

function importsOf(file: string, what: 'all' | 'values' = 'all'): string[] {
  const code = what === 'all' ? codeOf(file) : codeOf(file).replaceAll(TYPES, '');
  return [STATIC, BARE, DYNAMIC]
    .flatMap((pattern) => [...code.matchAll(pattern)].map(([, specifier]) => specifier as string))
    .filter((specifier) => !COMPILED.test(specifier));
}

/** The file a relative import names. */
const target = (file: string, specifier: string) =>
  normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts');

const layerOf = (file: string) => relative(SRC, file).split('/')[0] as string;

const files = filesIn(SRC).filter((file) => file.endsWith('.ts'));
const index = join(SRC, 'index.ts');

/**
 * All that `src/index.ts` reaches, with each way of getting WebAssembly: what runs in a browser or
 * on an edge runtime.
 */
function reachable(): Set<string> {
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) visit(target(file, specifier));
    }
  };
  visit(index);
  for (const file of filesIn(join(SRC, 'engine/wasm/module'))) visit(file);
  return seen;
}

describe('layers', () => {
  it('are the folders of src', () => {
    const folders = new Set(files.filter((file) => file !== index).map(layerOf));
    expect([...folders].filter((folder) => !LAYERS.includes(folder))).toEqual([]);
    for (const layer of LAYERS.slice(0, 7)) expect(folders).toContain(layer);
  });

  it('import from the left only', () => {
    let counted = 0;
    const wrong = files
      .filter((file) => file !== index)
      .flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .filter((specifier) => {
            counted++;
            const to = target(file, specifier);
            if (!files.includes(to)) return true;
            if (to === index) return !USERS.includes(layerOf(file));
            // Threads are for Node only.
            if (
              layerOf(to) !== layerOf(file) &&
              [to, file].every((each) => PRODUCTS.includes(layerOf(each)))
            )
              return true;
            if (layerOf(to) === 'pool') return !['pool', 'cli'].includes(layerOf(file));
            return LAYERS.indexOf(layerOf(to)) > LAYERS.indexOf(layerOf(file));
          })
          .map((specifier) => `${relative(ROOT, file)} imports ${specifier}`),
      );
    expect(wrong).toEqual([]);
    expect(counted).toBeGreaterThan(40);
  });

  it('have no circles in them', () => {
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (file: string, way: readonly string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        circles.push([...way, file].map((each) => relative(SRC, each)).join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const specifier of importsOf(file, 'values')) {
        if (specifier.startsWith('.')) visit(target(file, specifier), [...way, file]);
      }
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});

describe('the core', () => {
  const core = [...reachable()];

  it('is all layers up to providers, and nothing else', () => {
    expect(core.length).toBeGreaterThan(20);
    const layers = new Set(core.filter((file) => file !== index).map(layerOf));
    const all = ['engine', 'errors', 'hash', 'json', 'key', 'options', 'providers'];
    expect([...layers].sort()).toEqual(all);
    // Of the options, only the reader of own members: the rest is not in a bundle of keys.
    const options = core.filter((file) => layerOf(file) === 'options');
    expect(options.map((file) => relative(SRC, file))).toEqual([join('options', 'own.ts')]);
  });

  it('imports no package and nothing of Node', () => {
    const foreign = core.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith('.'))
        .map((specifier) => `${relative(ROOT, file)} imports ${specifier}`),
    );
    expect(foreign).toEqual([]);
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(dependencies ?? {}).toEqual({});
  });

  it.each([
    ['Buffer', /\bBuffer\b(?!\.)(?=[.([])|\bBuffer\s*\.(?:from|alloc)/],
    ['import.meta', /\bimport\.meta\b/],
    ['top-level await', /^(?:export )?(?:(?:const|let|var) .*= )?await\b/m],
    ['require', /\brequire\s*\(/],
    ['eval', /\beval\s*\(|\bnew Function\b/],
    ['process, but as a member of globalThis', /(?<![.\w{ ])process\./],
    ['a loop over process.versions', /process\.versions/],
    ['__dirname', /\b__(?:dirname|filename)\b/],
  ])('does without %s', (_, pattern) => {
    const using = core.filter((file) => pattern.test(codeOf(file)));
    expect(using.map((file) => relative(ROOT, file))).toEqual([]);
  });

  it('is shipped as it is: dist/index.js imports nothing from outside either', () => {
    const built = join(ROOT, 'dist', 'index.js');
    expect(importsOf(built).filter((specifier) => !specifier.startsWith('.'))).toEqual([]);
    expect(codeOf(built)).not.toMatch(/\bimport\.meta\b|\bnode:(?!crypto\b)/);
  });
});

describe('time and chance', () => {
  const OWN = ['runtime', ...LAYERS.slice(LAYERS.indexOf('store'), LAYERS.indexOf('proxy'))];
  const PLATFORM =
    /\b(?:setTimeout|clearTimeout|setInterval|setImmediate)\s*\(|\bperformance\.(?:now|timeOrigin)\b|\bDate\.now\b|\bMath\.random\b|\brandomUUID\b|\bAbortSignal\.timeout\b/;
  /** Of these, the conformance tests are a program that runs on real stores and real time. */
  const acting = files.filter(
    (file) =>
      OWN.includes(layerOf(file)) && !relative(SRC, file).startsWith(join('store', 'conformance')),
  );

  it('come from src/runtime alone, where the simulator takes their place', () => {
    const direct = acting.filter((file) => PLATFORM.test(codeOf(file)));
    expect(direct.map((file) => relative(SRC, file))).toEqual([join('runtime', 'runtime.ts')]);
  });
});

describe('the pool', () => {
  it('is shipped without a copy of the library', () => {
    for (const name of ['pool', 'worker']) {
      const built = join(ROOT, 'dist', 'pool', `${name}.js`);
      const outside = importsOf(built).filter((specifier) => !specifier.startsWith('node:'));
      expect(new Set(outside)).toEqual(new Set(['../index.js']));
    }
  });
});

describe('what is built on the library', () => {
  it('is shipped without a copy of it', () => {
    const built = ['once', 'fetch', 'server', 'batch', 'ai-sdk', 'mcp', 'cost', 'store', 'shared']
      .flatMap((folder) => filesIn(join(ROOT, 'dist', folder)))
      .filter((file) => file.endsWith('.js'));
    expect(built.length).toBeGreaterThan(8);
    const withCopy = built.filter((file) => readFileSync(file, 'utf8').includes('_HEX ='));
    expect(withCopy.map((file) => relative(ROOT, file))).toEqual([]);
  });
});

describe('names', () => {
  it('say what is in a file: no drawer for odds and ends', () => {
    const drawers = [
      ...filesIn(SRC),
      ...filesIn(join(ROOT, 'assembly')),
      ...filesIn(join(ROOT, 'test')),
    ]
      .map((file) => relative(ROOT, file))
      // Installed packages have names of their own.
      .filter((path) => !path.includes('/node_modules/'))
      .filter((path) =>
        /(?:^|[/.-])(?:utils?|helpers?|common|misc|shared(?!-run)|lib)(?:[/.-]|$)/i.test(path),
      );
    expect(drawers).toEqual([]);
  });

  it("are the field's terms, in code and in comments", () => {
    // A shared run has waiters and an outcome, a recording has subscribers, rules decide.
    const refused =
      /^(?:airlines?|flights?|fl(?:y|ies)|passengers?|board(?:ed|ing)?|aboard|land(?:s|ed|ings?)|seats?|gates?|admi(?:ts?|tted|ssions?)|desks?|wish(?:es)?|standings?)$/i;
    const phrases = /goOn|goBack|whyNothing|claimInVain|keptIn|isMade|underWay|standingRecord/g;
    const found = [...filesIn(SRC), ...filesIn(join(ROOT, 'test'))]
      .filter((file) => /\.(?:ts|mjs)$/.test(file) && !file.includes('/node_modules/'))
      .filter((file) => file !== fileURLToPath(import.meta.url))
      .flatMap((file) => {
        // `inFlight` is how many calls are in flight.
        const text = `${relative(ROOT, file)}\n${withoutTexts(file)}`.replaceAll(
          /in[ _]?flight/gi,
          '',
        );
        const words = text.match(/[A-Z]?[a-z]+|[A-Z]+/g) ?? [];
        const old = [...words.filter((word) => refused.test(word)), ...(text.match(phrases) ?? [])];
        return (
          old
            // A member of plan.json, which is stored, and of `samekey batch plan --json`.
            .filter((word) => word !== 'underway' || !/\bcli\/batch-?\w*\./.test(file))
            .map((word) => `${relative(ROOT, file)}: ${word}`)
        );
      });
    expect([...new Set(found)]).toEqual([]);
  });

  it('are those of one API: what is exported is exported once', () => {
    const names = [...codeOf(index).matchAll(/\{([^}]*)\}/g)]
      .flatMap(([, list]) => (list as string).split(','))
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '');
    expect(names.length).toBeGreaterThan(30);
    expect(new Set(names).size).toBe(names.length);
  });
});
