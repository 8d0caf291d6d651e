/**
 * Takes a part of the mutants: those that begin on one line in N, chosen by a hash of file and line, so
 * that two runs take the same. Stryker ignores by subtree or by range, either of which would take
 * large functions whole or leave them out. So this ignores nothing itself: before the other lines it
 * writes the comment by which Stryker ignores the mutants of one line.
 */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';

const oneIn = Number(process.env.MUTANTS_ONE_IN ?? 1);
const seed = process.env.MUTANTS_SEED ?? '';

export const NOT_SAMPLED = 'not in the sample';

export function isSampled(file, line) {
  const text = `${seed}:${file}:${line}`;
  return createHash('sha256').update(text).digest().readUInt32BE() % oneIn === 0;
}

function leaveOut(program) {
  const file = relative(process.cwd(), program.hub.file.opts.filename);
  const seen = new Set();
  program.traverse({
    enter({ node }) {
      const line = node.loc?.start.line;
      if (line === undefined || seen.has(line)) return;
      seen.add(line);
      if (isSampled(file, line)) return;
      const value = ` Stryker disable next-line all: ${NOT_SAMPLED}`;
      node.leadingComments = [...(node.leadingComments ?? []), { type: 'CommentBlock', value }];
    },
  });
}

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'sample',
    value: {
      shouldIgnore(path) {
        if (path.isProgram() && oneIn > 1) leaveOut(path);
        return undefined;
      },
    },
  },
];
