/** Writes each survivor as soon as it is known, so that a run that is cut off is not lost. */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const SURVIVED = new Set(['Survived', 'NoCoverage']);

export const oneLine = (text) => text.replace(/\s+/g, ' ').slice(0, 120);

/** The place and both texts of a mutant. */
export function described({ fileName, location, mutatorName, replacement, status }, source) {
  const { start, end } = location;
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  lines[last] = lines[last].slice(0, end.column - 1);
  const original = lines.join('\n').slice(start.column - 1);
  const note = status === 'NoCoverage' ? ' (no test reaches it)' : '';
  const where = `${fileName}:${start.line}:${start.column} ${mutatorName}${note}`;
  return `${where}\n  - ${oneLine(original)}\n  + ${oneLine(replacement)}`;
}

class SurvivorsLive {
  static inject = [];

  onMutantTested(mutant) {
    if (!SURVIVED.has(mutant.status) || mutant.static) return;
    const fileName = relative(process.cwd(), mutant.fileName);
    const text = described({ ...mutant, fileName }, readFileSync(mutant.fileName, 'utf8'));
    appendFileSync(process.env.MUTANTS_SURVIVORS, `${text}\n`);
  }
}

export const strykerPlugins = [
  { kind: 'Reporter', name: 'survivors-live', injectableClass: SurvivorsLive },
];
