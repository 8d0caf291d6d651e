import { transformSync } from 'esbuild';
import { parseAst } from 'vitest/node';

export interface Example {
  readonly name: string;
  readonly code: string;
  readonly language: 'js' | 'ts';
}

/** Returns the `@example` blocks in the doc comments of a source file, each named after its function. */
export function examplesInSource(name: string, source: string): Example[] {
  return [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*([^\n]*)/g)].flatMap(
    ([, comment = '', next = '']) => {
      const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''));
      const blocks = `\n${lines.join('\n')}`.split(/\n(?=@)/);
      const symbol =
        /\b(?:function|class|const|interface)\s+(\w+)/.exec(next) ?? /(\w+)/.exec(next);
      return blocks
        .filter((block) => block.startsWith('@example'))
        .map((block) => ({
          name: `${name}: ${symbol?.[1] ?? ''}`,
          code: block.replace('@example', '').trim(),
          language: 'ts',
        }));
    },
  );
}

/** Returns the JavaScript and TypeScript code blocks of a Markdown file, except those marked `no-run`. */
export function examplesInMarkdown(name: string, markdown: string): Example[] {
  return [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```/gm)].flatMap((match) => {
    const [, fence = '', code = ''] = match;
    const [language, ...marks] = fence.trim().split(/\s+/);
    if ((language !== 'js' && language !== 'ts') || marks.includes('no-run')) return [];
    const line = markdown.slice(0, match.index).split('\n').length;
    return [{ name: `${name}:${line}`, code, language }];
  });
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly expression?: Node;
  readonly source?: { readonly value: string };
  readonly specifiers?: readonly {
    readonly type: string;
    readonly imported?: { readonly name: string };
    readonly local: { readonly name: string };
  }[];
}

/** Returns the comment after a statement: on its line or, without one, on the next lines. */
function commentAfter(code: string, end: number): string | undefined {
  const rest = code.slice(end);
  const same = /^[ \t]*\/\/([^\n]*)/.exec(rest);
  if (same !== null) return same[1]?.trim();
  const below = /^[ \t]*\n((?:[ \t]*\/\/[^\n]*(?:\n|$))+)/.exec(rest)?.[1];
  return below
    ?.split('\n')
    .map((line) => line.replace(/^\s*\/\//, '').trim())
    .join(' ')
    .trim();
}

const isExpression = (text: string) => {
  try {
    parseAst(`(${text}\n);`, { lang: 'ts' });
    return true;
  } catch {
    return false;
  }
};

/** The beginning of a comment that states a value. Other comments are prose. */
const VALUE =
  /^(?:→|equals |throws |[-\d'"`[{]|\w+Array ?\[|(?:true|false|null|undefined|NaN)(?![\w-]))/;

/** Returns the expression in a comment: `true`, `'text'`, `Uint8Array [1, 2]`, `equals f(x)`, `1, and so on`. */
function valueIn(comment: string): string | undefined {
  if (!VALUE.test(comment)) return undefined;
  const text = comment
    .replace(/^(?:→|equals )\s*/, '')
    .replace(/^(\w+Array) ?(\[.*\])/, '$1.from($2)');
  // Words can follow a value, after a comma or a colon.
  for (
    let end = text.length;
    end > 0;
    end = Math.max(...[', ', '; ', ': ', ' ('].map((mark) => text.lastIndexOf(mark, end - 1)))
  ) {
    const candidate = text.slice(0, end);
    if (isExpression(candidate)) return candidate;
  }
  throw new Error(`no value can be read from the comment "${comment}"`);
}

export interface Prepared {
  /** The body of an async function of `load`, `check` and `checkThrown`. */
  readonly code: string;
  readonly checkCount: number;
  /** The comments after expressions that state no value. */
  readonly prose: readonly string[];
}

/** Turns `f(x); // value` into a check, and imports into loads. */
export function prepare({ code, language }: Pick<Example, 'code' | 'language'>): Prepared {
  const { body } = parseAst(code, { lang: language }) as unknown as { body: readonly Node[] };
  const prose: string[] = [];
  let checkCount = 0;
  let prepared = '';
  let at = 0;
  for (const node of body) {
    prepared += code.slice(at, node.start);
    at = node.end;
    const statement = code.slice(node.start, node.end);
    if (node.type === 'ImportDeclaration') {
      prepared += toLoad(node);
      continue;
    }
    const comment = commentAfter(code, node.end);
    if (node.type !== 'ExpressionStatement' || node.expression === undefined || !comment) {
      prepared += statement;
      continue;
    }
    const expression = code.slice(node.expression.start, node.expression.end);
    const thrown = /^(?:→ )?throws (?:an? )?(\w+)/.exec(comment)?.[1];
    const value = thrown === undefined ? valueIn(comment) : undefined;
    if (thrown !== undefined) {
      prepared += `await checkThrown(async () => (${expression}), '${thrown}');`;
    } else if (value !== undefined) {
      prepared += `check((${expression}), (${value}));`;
    } else {
      prepared += statement;
      prose.push(comment);
      continue;
    }
    checkCount++;
  }
  prepared += code.slice(at);
  const wrapped = transformSync(`async () => {${prepared}\n}`, { loader: language }).code;
  return { code: `return (${wrapped.trim().replace(/;$/, '')})();`, checkCount, prose };
}

function toLoad({ source, specifiers = [] }: Node): string {
  const module = `await load(${JSON.stringify(source?.value)})`;
  const all = specifiers.find(({ type }) => type === 'ImportNamespaceSpecifier');
  if (all !== undefined) return `const ${all.local.name} = ${module};`;
  const names = specifiers.map(
    ({ imported, local }) => `${imported?.name ?? 'default'}: ${local.name}`,
  );
  return `const { ${names.join(', ')} } = ${module};`;
}
