import type { Command } from 'commander';
import { EXIT } from './exit-codes.js';
import { bytesOf, toInput } from './input.js';
import { type KeyToken, keyTokensIn } from './key-tokens.js';
import { linesOf } from './lines.js';
import { print } from './output.js';
import { counted, cut, printable, type Style, styleOf } from './terminal.js';

/** Findings of one format that are held until it is known which format is the usual one. */
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
    .description('find malformed and mixed keys in lists and logs; exit code 1 if there are any')
    .argument('[FILE]', 'the lines; standard input if it is - or not there')
    .addHelpText('after', HELP)
    .action(runCheck);
}

/** A format that keys are written in. */
interface Use {
  count: number;
  /** Where, in lines ready to be printed; the first `MAX_HELD` of them. */
  readonly places: string[];
}

async function runCheck(file: string | undefined): Promise<void> {
  const input = toInput(file, 'check');
  const out = styleOf(process.stdout);
  const uses = new Map<string, Use>();
  let lineCount = 0;
  let malformedCount = 0;
  for await (const line of linesOf(bytesOf(input))) {
    lineCount = line.number;
    for (const token of keyTokensIn(line.text, line.isWhole)) {
      const place = `${line.number}:${line.before + token.index + 1}`;
      if (token.format === undefined) {
        malformedCount++;
        await print(`${finding(out, place, 'malformed', token, token.fault ?? '')}\n`);
      } else {
        note(uses, token.format, () => finding(out, place, 'mixed', token, token.format as string));
      }
    }
  }
  const [usual, ...others] = [...uses].sort(([, a], [, b]) => b.count - a.count);
  for (const [format, { count, places }] of others) {
    await print(places.map((text) => `${text}\n`).join(''));
    if (count > places.length) {
      await print(`${counted(count - places.length, 'more key')} of the format ${format}\n`);
    }
  }
  const mixedCount = others.reduce((sum, [, { count }]) => sum + count, 0);
  const isGood = malformedCount + mixedCount === 0;
  if (!isGood) process.exitCode = EXIT.no;
  const keys = [
    usual === undefined ? 'no keys' : `${counted(usual[1].count, 'key')} (${usual[0]})`,
    malformedCount === 0 ? [] : `${malformedCount} malformed`,
    mixedCount === 0 ? [] : `${counted(mixedCount, 'key')} in another format`,
  ].flat();
  const summary = `samekey: ${keys.join(', ')} in ${counted(lineCount, 'line')}`;
  const err = styleOf(process.stderr);
  process.stderr.write(`${err.paint(isGood ? 'green' : 'red', summary)}\n`);
}

function note(uses: Map<string, Use>, format: string, place: () => string): void {
  const use = uses.get(format) ?? { count: 0, places: [] };
  if (use.count++ < MAX_HELD) use.places.push(place());
  uses.set(format, use);
}

function finding(
  style: Style,
  place: string,
  kind: string,
  { text }: KeyToken,
  what: string,
): string {
  const shown = cut(printable(text), SHOWN_CHARS);
  const colour = kind === 'malformed' ? 'red' : 'yellow';
  return `${place}: ${style.paint(colour, kind)}: ${shown}: ${what}`;
}
