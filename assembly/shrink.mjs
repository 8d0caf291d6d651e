/**
 * Makes a bundle of the library small, so that it is imported faster: no comments and spaces, and
 * short names inside functions.
 *
 * If esbuild minified a bundle as a module, it would also shorten the names of the functions and
 * classes, which stack traces show, and drop the annotations with which bundlers drop unused code.
 * So this minifies one top-level statement after the other, as scripts: there esbuild keeps the
 * names, and a stack trace tells them apart by their lines. Meanwhile each annotation is code.
 */
import { transform } from 'esbuild';

/** Statements as esbuild writes them: from the start of a line, on several lines if they are long. */
const IMPORT = /^import (?:[^"]*? from )?"[^"\n]+";\n/gm;
const EXPORT = /^export \{[^}]*\};\n/gm;
/** Where another statement starts: not with a space or a bracket that ends one. */
const START = /^(?=[^\s})\]])/m;

/** A class that uses itself: esbuild gives it a second name, which would be shortened. */
const SELF = /^var (\w+) = class _\1 /;

const ANNOTATION = '/* @__PURE__ */';
/** An operand that esbuild does not know, so that it keeps the operator. */
const MARK = '__PURE__||';
/** Where `||` takes the whole call. Elsewhere, such as behind `??`, no bundler needs the annotation. */
const TAKES_CALL = /(?<= = |[[(:,] ?|\n *|\.\.\.|=> |return )$/;

/** A WebAssembly module. Behind all code it makes the file 0.9 KB smaller when both are gzipped. */
const MODULE = /^var \w+="[0-9a-f]{1000,}";\n/gm;

const onOneLine = (statement) => `${statement.trim().replace(/\s+/g, ' ')}\n`;
const count = (text, part) => text.split(part).length - 1;

const OPTIONS = { minify: true, charset: 'ascii', target: 'es2022', logLevel: 'silent' };

function withOneName(statement) {
  const [head, name] = SELF.exec(statement) ?? [];
  if (name === undefined) return statement;
  const rest = statement.slice(head.length).replace(new RegExp(`\\b_${name}\\b`, 'g'), name);
  return `class ${name} ${rest}`;
}

/** Minifies one statement after the other. A line of a text may look like the start of one. */
async function minify(script) {
  const done = [];
  let statement = '';
  for (const part of script.split(START)) {
    statement += part;
    if (/^(?:import|export)\b/.test(statement)) break;
    try {
      done.push((await transform(withOneName(statement), OPTIONS)).code);
      statement = '';
    } catch {
      // It ends in one of the next lines.
    }
  }
  if (statement !== '') {
    throw new Error(`Cannot shrink the bundle: unknown statement ${statement.slice(0, 80).trim()}`);
  }
  return done.join('');
}

/** Returns the code of a bundle that esbuild has written without minifying it, smaller. */
export async function shrink(bundle) {
  const script = bundle
    .replace(IMPORT, '')
    .replace(EXPORT, '')
    .replaceAll(`${ANNOTATION} `, (_, at, text) =>
      TAKES_CALL.test(text.slice(Math.max(0, at - 80), at)) ? MARK : '',
    );
  const code = await minify(script);
  if (count(script, MARK) !== count(code, MARK)) {
    throw new Error('Cannot shrink the bundle: an annotation of a call was lost');
  }
  return [
    ...(bundle.match(IMPORT) ?? []).map(onOneLine),
    code.replace(MODULE, '').replaceAll(MARK, ANNOTATION),
    ...(code.match(MODULE) ?? []),
    ...(bundle.match(EXPORT) ?? []).map(onOneLine),
  ].join('');
}
