/**
 * The regular expressions of the sources, found by the parser of TypeScript: literals, and calls of
 * `RegExp`. No search for text: that would miss one, or take a division for one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * @param {string[]} folders what to read, with all folders below
 * @returns {{ file: string, line: number, source: string, flags: string, isLiteral: boolean }[]} one
 *   for each place; the `source` of a call of `RegExp` is its text
 */
export function regexpsIn(folders) {
  const project = mkdtempSync(join(tmpdir(), 'samekey-regexps-'));
  const api = new API();
  const found = [];
  try {
    const config = join(project, 'tsconfig.json');
    writeFileSync(
      config,
      JSON.stringify({
        compilerOptions: { allowJs: true, noResolve: true, noLib: true, types: [], noEmit: true },
        include: folders.flatMap((folder) =>
          ['ts', 'tsx', 'mts', 'js', 'jsx', 'mjs'].map((ext) => `${folder}/**/*.${ext}`),
        ),
        exclude: ['**/node_modules'],
      }),
    );
    const { program } = api.updateSnapshot({ openProject: config }).getProject(config);
    for (const name of program.getSourceFileNames()) {
      const file = program.getSourceFile(name);
      const visit = (node) => {
        const place = () => ({
          file: relative(ROOT, name),
          line: file.text.slice(0, node.getStart(file)).split('\n').length,
        });
        if (node.kind === SyntaxKind.RegularExpressionLiteral) {
          const [, source, flags] = /^\/(.*)\/(\w*)$/s.exec(node.text);
          found.push({ ...place(), source, flags, isLiteral: true });
        } else if (
          (node.kind === SyntaxKind.NewExpression || node.kind === SyntaxKind.CallExpression) &&
          node.expression.kind === SyntaxKind.Identifier &&
          node.expression.text === 'RegExp'
        ) {
          const source = file.text.slice(node.getStart(file), node.end);
          found.push({ ...place(), source, flags: '', isLiteral: false });
        }
        node.forEachChild(visit);
      };
      visit(file);
    }
  } finally {
    api.close();
    rmSync(project, { recursive: true });
  }
  return found;
}
