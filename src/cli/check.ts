import type { Command } from 'commander';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { EXIT } from './exit-codes.js';
import { textBytesOf, toInput } from './input.js';
import { keyTokensIn } from './key-tokens.js';
import { linesOf } from './lines.js';
import { print } from './output.js';
import { cut, type Style, styleOf } from './terminal.js';

/** How many keys of a format to keep until the most frequent format is known. */
const MAX_PLACES = 1000;
const SHOWN_CHARS = 80;

const HELP = `
Finds ik_… anywhere in a line, any text after "idempotency-key", and UUIDs and
digests that are alone in a line. A key is bad if it is malformed, or if its
format differs from that of most keys.

Examples:
  samekey check keys.txt
  grep -i idempotency-key app.log | samekey check`;

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('find malformed and mixed keys in lists and logs')
    .argument('[FILE]', 'the lines to check (default: standard input, also written -)')
    .addHelpText('after', HELP)
    .action(runCheck);
}

/** A key and its place. Lines and columns count from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A format of keys. */
interface Format {
  readonly name: string;
  count: number;
  /** The places of the first `MAX_PLACES` keys. */
  readonly places: Place[];
}

interface Findings {
  lineCount: number;
  malformedCount: number;
  /** The most frequent format first. */
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
    await print(`${counted(count - places.length, 'more key')} of this format: ${name}\n`);
  }
  const mixedCount = others.reduce((sum, { count }) => sum + count, 0);
  const isGood = findings.malformedCount + mixedCount === 0;
  if (!isGood) process.exitCode = EXIT.no;
  const parts = [
    usual === undefined ? 'no keys' : `${counted(usual.count, 'key')} (${usual.name})`,
  ];
  if (mixedCount > 0) parts.push(`${counted(mixedCount, 'key')} of another format`);
  if (findings.malformedCount > 0)
    parts.push(`${counted(findings.malformedCount, 'malformed key')}`);
  const summary = `samekey: ${parts.join(', ')} in ${counted(findings.lineCount, 'line')}`;
  process.stderr.write(`${styleOf(process.stderr).paint(isGood ? 'green' : 'red', summary)}\n`);
}

/** Reads the whole input, and prints malformed keys at once. */
async function readKeys(file: string | undefined, style: Style): Promise<Findings> {
  const formats = new Map<string, Format>();
  let lineCount = 0;
  let malformedCount = 0;
  for await (const { number, text: line, before, isWhole } of linesOf(
    textBytesOf(toInput(file, 'check')),
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
      // Copied, because a slice would keep the whole line in memory.
      if (format.count++ < MAX_PLACES) format.places.push({ ...place, text: copied(text) });
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
  reason: string,
): string {
  const shown = cut(printable(text), SHOWN_CHARS) || '""';
  return `${line}:${column}: ${style.paint(kind === 'malformed' ? 'red' : 'yellow', kind)}: ${shown}: ${reason}\n`;
}
