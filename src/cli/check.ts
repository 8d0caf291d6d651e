import type { Command } from 'commander';
import { EXIT } from './exit-codes.js';
import { bytesOf, toInput } from './input.js';
import { keyTokensIn } from './key-tokens.js';
import { linesOf } from './lines.js';
import { print } from './output.js';
import { counted, cut, printable, type Style, styleOf } from './terminal.js';

/** Keys of one format that are held until it is known which format is the usual one. */
const MAX_HELD = 1000;
const SHOWN_CHARS = 80;

const HELP = `
Looks at ik_… anywhere in a line, at whatever follows "idempotency-key", and at UUIDs and digests
that stand alone in a line. A key is bad if it is malformed, or written in another format than most.

Examples:
  samekey check keys.txt
  grep -i idempotency-key app.log | samekey check`;

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('find malformed and mixed keys in lists and logs')
    .argument('[FILE]', 'the lines; standard input if it is - or left out')
    .addHelpText('after', HELP)
    .action(runCheck);
}

/** A key and where it stands, both from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A format that keys are written in. */
interface Format {
  readonly name: string;
  count: number;
  /** The first `MAX_HELD` of them. */
  readonly places: Place[];
}

interface Findings {
  lineCount: number;
  malformedCount: number;
  /** By the number of keys, the usual one first. */
  formats: Format[];
}

async function runCheck(file: string | undefined): Promise<void> {
  const style = styleOf(process.stdout);
  const findings = await readKeys(file, style);
  const [usual, ...others] = findings.formats;
  const mixed = others.flatMap(({ name, places }) => places.map((place) => ({ ...place, name })));
  for (const place of mixed.sort((a, b) => a.line - b.line || a.column - b.column)) {
    await print(finding(style, 'mixed', place, `${place.name}, most are ${usual?.name}`));
  }
  for (const { name, count, places } of others.filter(
    (other) => other.count > other.places.length,
  )) {
    await print(`${counted(count - places.length, 'more key')} of this kind: ${name}\n`);
  }
  const mixedCount = others.reduce((sum, { count }) => sum + count, 0);
  const isGood = findings.malformedCount + mixedCount === 0;
  if (!isGood) process.exitCode = EXIT.no;
  const parts = [
    usual === undefined ? 'no keys' : `${counted(usual.count, 'key')} (${usual.name})`,
  ];
  if (mixedCount > 0) parts.push(`${counted(mixedCount, 'key')} of another kind`);
  if (findings.malformedCount > 0)
    parts.push(`${counted(findings.malformedCount, 'malformed key')}`);
  const summary = `samekey: ${parts.join(', ')} in ${counted(findings.lineCount, 'line')}`;
  process.stderr.write(`${styleOf(process.stderr).paint(isGood ? 'green' : 'red', summary)}\n`);
}

/** Reads to the end; what is malformed is printed when it comes. */
async function readKeys(file: string | undefined, style: Style): Promise<Findings> {
  const formats = new Map<string, Format>();
  let lineCount = 0;
  let malformedCount = 0;
  for await (const { number, text: line, before, isWhole } of linesOf(
    bytesOf(toInput(file, 'check')),
  )) {
    lineCount = number;
    for (const { index, text, format: name, fault } of keyTokensIn(line, isWhole)) {
      const place = { line: number, column: before + index + 1, text };
      if (name === undefined) {
        malformedCount++;
        await print(finding(style, 'malformed', place, fault ?? ''));
        continue;
      }
      const format = formats.get(name) ?? { name, count: 0, places: [] };
      formats.set(name, format);
      // Copied, because a slice keeps its whole line in memory.
      if (format.count++ < MAX_HELD) format.places.push({ ...place, text: copied(text) });
    }
  }
  const byCount = [...formats.values()].sort(
    (a, b) =>
      b.count - a.count || Number(b.name.startsWith('ik_')) - Number(a.name.startsWith('ik_')),
  );
  return { lineCount, malformedCount, formats: byCount };
}

function copied(text: string): string {
  return Buffer.from(text.slice(0, 2 * SHOWN_CHARS)).toString();
}

function finding(
  style: Style,
  kind: 'malformed' | 'mixed',
  { line, column, text }: Place,
  what: string,
): string {
  const shown = cut(printable(text), SHOWN_CHARS) || '""';
  return `${line}:${column}: ${style.paint(kind === 'malformed' ? 'red' : 'yellow', kind)}: ${shown}: ${what}\n`;
}
