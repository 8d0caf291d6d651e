import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const DIST = fileURLToPath(new URL('dist', ROOT));
const { shrink }: { shrink(bundle: string): Promise<string> } = await import(
  new URL('assembly/shrink.mjs', ROOT).href
);

/** The files that programs import. The others are programs. */
const library = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.js') && !/^(?:cli|dashboard|proxy|pool|playground)\b/.test(path),
);

const BUNDLE = `import {
  keyOf
} from "samekey";
import "./other.js";

// src/here.ts
var table = /* @__PURE__ */ new Map([
  ["a", 1]
]);
var lists = {
  all: /* @__PURE__ */ listOf("a"),
  none: /* @__PURE__ */ [1, 2].filter((number) => number > 2)
};
function listOf(wordOfList) {
  const found = table.get(wordOfList) ?? /* @__PURE__ */ new Map();
  return [found, keyOf(wordOfList)];
}
var MODULE = "${'0a'.repeat(600)}";
var ListReader = class {
  #privateList = lists;
  static text = \`
function like() {
\`;
  read() {
    return this.#privateList;
  }
};
var OwnName = class _OwnName {
  again() {
    return new _OwnName();
  }
};
export {
  ListReader,
  listOf as list
};
`;

describe('a bundle that is made small', () => {
  it('keeps its imports, its exports, the names at the top and the annotations there, and ends with modules', async () => {
    const small = await shrink(BUNDLE);
    expect(small).toMatch(/^import { keyOf } from "samekey";\nimport ".\/other.js";\n/);
    expect(small).toMatch(/\nvar MODULE="[0a]{1200}";\nexport { ListReader, listOf as list };\n$/);
    for (const name of [
      'table=',
      'lists=',
      'function listOf(',
      'ListReader=class',
      'class OwnName{again(){return new OwnName}}',
    ]) {
      expect(small).toContain(name);
    }
    expect(
      small.match(/\/\* @__PURE__ \*\/(?:new Map\(\[|listOf\(|\[1,2\]\.filter)/g),
    ).toHaveLength(3);
    expect(small).not.toMatch(/__PURE__\|\||wordOfList|privateList|\/\/ src/);
  });

  it.each([
    ['export default 1;', /Cannot shrink the bundle: unknown statement export default 1;/],
    ['export * from "samekey";', /unknown statement export \*/],
    // esbuild drops a call that never happens, and its annotation with it.
    ['var a = false && (/* @__PURE__ */ new Map());', /an annotation of a call was lost/],
  ])('is refused if it has %j', async (statement, message) => {
    const said = await shrink(`${statement}\n`).then(
      () => '',
      (error) => error.message,
    );
    expect(said).toMatch(message);
  });
});

describe('the files of the library', () => {
  it('are small', () => {
    expect(library.length).toBeGreaterThan(30);
    const readable = library.filter((path) => {
      const code = readFileSync(join(DIST, path), 'utf8');
      return /^\/\/ src\/|;\n +const /m.test(code);
    });
    expect(readable).toEqual([]);
  });

  it('name functions and classes in stack traces', () => {
    const { stdout } = spawnSync(
      process.execPath,
      [
        '--stack-trace-limit=50',
        '--input-type=module',
        '--eval',
        `
        const { keyOf, createSha256, parseKey } = await import(${JSON.stringify(join(DIST, 'index.js'))});
        const errors = [() => keyOf({ a: [NaN] }), () => parseKey('x')].map((act) => {
          try { act(); } catch (error) { return error.stack; }
        });
        console.log(JSON.stringify({ errors, hasher: createSha256().constructor.name }));`,
      ],
      { encoding: 'utf8' },
    );
    const { errors, hasher } = JSON.parse(stdout);
    expect(errors[0]).toMatch(/ fail [\s\S]* refuseNumber [\s\S]* writeCanonical [\s\S]* keyOf /);
    expect(errors[1]).toMatch(/ fail [\s\S]* parseKey /);
    expect(hasher).toBe('EngineSha256');
  });
});
