import { type Command, InvalidArgumentError } from 'commander';
import { Audit, faultLines, whyNothing } from './audit-faults.js';
import { auditJson, auditView } from './audit-view.js';
import { EXIT, invalidInput, usageError } from './exit-codes.js';
import { toField } from './field.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { bytesOf, type Input, sizeOf, toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { KeyTally } from './key-tally.js';
import type { CallFields } from './log-call.js';
import { logLines } from './log-lines.js';
import { print } from './output.js';
import { readPrices } from './prices-file.js';
import { Progress } from './progress.js';
import { styleOf } from './terminal.js';

interface AuditFlags extends IdentityFlags {
  readonly keyField?: readonly string[];
  readonly requestField?: string;
  readonly costField?: string;
  readonly cost?: number;
  readonly usageField?: readonly string[];
  readonly modelField?: readonly string[];
  readonly prices?: string;
  readonly top: number;
  readonly maxKeys: number;
  readonly failOnDuplicates?: true;
  readonly json?: true;
}

/** `key` last: anything may be called so. */
const KEY_FIELDS = ['idempotency_key', 'idempotencyKey', 'key'];
/** The line itself, as most logs have it, or the text of a body. */
const USAGE_FIELDS = ['$', 'response', 'response.body', 'body'];
const MODEL_FIELDS = ['model', 'response.model', 'request.model', 'body.model'];
const DEFAULT_TOP = 20;
const MAX_TOP = 1000;
/** In 2.3 GB; more have to be asked for. */
const DEFAULT_MAX_KEYS = 50_000_000;
const MAX_MAX_KEYS = 1_000_000_000;

const IDENTITY_FLAGS = [
  ['include', 'include'],
  ['exclude', 'exclude'],
  ['preset', 'preset'],
  ['ref', 'ref'],
  ['bigNumbers', 'big-numbers'],
  ['scope', 'scope'],
  ['bits', 'bits'],
  ['secretEnv', 'secret-env'],
] as const;

const HELP = `
A field is names joined by dots: usage.cost is the member cost of the member usage, or else the
member usage.cost; $.usage.cost is only the first, and $['usage.cost'] only the second. What a key
wasted is what all its calls cost but the dearest. Every line with a key counts as a call, so leave
out the lines that tell of something else.

Tokens are those of a usage as the provider gave it, of an answer with one, or of the text of a body,
JSON or a stream of events. --prices FILE turns them into money by {"currency": "USD", "prices":
{"gpt-5*": {"inputPerMillion": 1.25, "cachedInputPerMillion": 0.125, "outputPerMillion": 10}}}; there
are no prices but those in it.

A key takes 40 to 50 bytes of memory (10 million keys half a gigabyte), and 16 to 32 more where
tokens are counted, whatever the size of the log. Keys beyond --max-keys are not compared, which is
said, with exit code 4.

Examples:
  samekey audit calls.jsonl --cost-field usage.cost
  samekey audit calls.jsonl --prices prices.json
  samekey audit calls.jsonl --key-field headers.idempotency-key --cost 0.01
  zcat calls.jsonl.gz | samekey audit --request-field body --preset openai
  grep '"type":"executed"' once-events.jsonl | samekey audit --fail-on-duplicates`;

export function addAuditCommand(program: Command): void {
  const command = program
    .command('audit')
    .description('find calls in a log that were made twice, and what they cost')
    .argument('[FILE]', 'a JSON object in each line; standard input if it is - or left out')
    .option(
      '-k, --key-field <field>',
      `where the key is; ${KEY_FIELDS.join(', ')} unless given; repeatable, the first that is there`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-r, --request-field <field>',
      'where the request is, to make its key of it with the options below; $ is the whole line',
    )
    .option('-c, --cost-field <field>', 'where the cost of the call is')
    .option('--cost <number>', 'what every call costs', toCost)
    .option('--prices <file>', 'what a million tokens of each model cost, as JSON')
    .option(
      '-u, --usage-field <field>',
      `where the tokens are; ${USAGE_FIELDS.join(', ')} unless given, with --prices; repeatable`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-m, --model-field <field>',
      `where the model's name is; ${MODEL_FIELDS.join(', ')} unless given; repeatable`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-n, --top <count>',
      'how many of the worst keys to print',
      wholeNumber(MAX_TOP),
      DEFAULT_TOP,
    )
    .option(
      '--max-keys <count>',
      'how many keys to hold',
      wholeNumber(MAX_MAX_KEYS),
      DEFAULT_MAX_KEYS,
    )
    .option('--fail-on-duplicates', 'end with exit code 1 if a key came more than once')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runAudit);
  addIdentityOptions(command);
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
    throw new InvalidArgumentError(`Wanted a whole number from 1 to ${max}.`);
  };
}

function toCost(text: string): number {
  if (/^(?:\d+\.?\d*|\.\d+)$/.test(text) && Number(text) <= 1e15) return Number(text);
  throw new InvalidArgumentError('Wanted a number from 0, as in 0.01.');
}

async function runAudit(file: string | undefined, flags: AuditFlags): Promise<void> {
  const fields = await toFields(flags);
  const input = toInput(file, 'audit');
  const { maxKeys, top: worstCount } = flags;
  const hasTokens = fields.usage !== undefined;
  const audit = new Audit(fields, new KeyTally({ maxKeys, worstCount, hasTokens }));
  await read(input, audit);
  const { tally } = audit;
  // Nothing to compare is not the same as no duplicates.
  if (tally.callCount === 0) throw invalidInput(input.name, whyNothing(audit));
  const faults = faultLines(audit).map((line) => `samekey: ${input.name}: ${line}\n`);
  if (faults.length > 0) process.stderr.write(faults.join(''));
  await print(
    flags.json
      ? `${JSON.stringify(auditJson(audit))}\n`
      : auditView(audit, styleOf(process.stdout)),
  );
  if (flags.failOnDuplicates && tally.duplicateCount > 0) process.exitCode = EXIT.no;
  else if (tally.notHeldCount > 0) process.exitCode = EXIT.invalid;
}

async function toFields(flags: AuditFlags): Promise<CallFields> {
  const { keyField, requestField, costField, cost, usageField, modelField, prices } = flags;
  if (keyField !== undefined && requestField !== undefined) {
    throw usageError('--key-field and --request-field both say what the key is: leave one out');
  }
  if (costField !== undefined && cost !== undefined) {
    throw usageError('--cost-field and --cost both say what a call costs: leave one out');
  }
  if (prices !== undefined && (costField !== undefined || cost !== undefined)) {
    const other = cost === undefined ? '--cost-field' : '--cost';
    throw usageError(`--prices and ${other} both say what a call costs: leave one out`);
  }
  if (modelField !== undefined && prices === undefined) {
    throw usageError('--model-field is for finding a price, wanted --prices, too');
  }
  const hasTokens = usageField !== undefined || prices !== undefined;
  if (requestField === undefined) refuseIdentity(flags);
  return {
    keys: (keyField ?? KEY_FIELDS).map((field) => toField(field, '--key-field')),
    ...(requestField === undefined
      ? {}
      : {
          request: { field: toField(requestField, '--request-field'), identity: toIdentity(flags) },
        }),
    ...(costField === undefined ? {} : { cost: toField(costField, '--cost-field') }),
    ...(cost === undefined ? {} : { cost }),
    ...(hasTokens && {
      usage: (usageField ?? USAGE_FIELDS).map((field) => toField(field, '--usage-field')),
      models: (modelField ?? MODEL_FIELDS).map((field) => toField(field, '--model-field')),
    }),
    ...(prices !== undefined && { prices: await readPrices(prices) }),
  };
}

/** A key in the log has been made already. */
function refuseIdentity(flags: AuditFlags): void {
  for (const [name, flag] of IDENTITY_FLAGS) {
    if (flags[name] !== undefined) {
      throw usageError(`--${flag} is for making keys, wanted --request-field, too`);
    }
  }
}

async function read(input: Input, audit: Audit): Promise<void> {
  const progress = new Progress(await sizeOf(input));
  let byteCount = 0;
  const counted = async function* () {
    for await (const piece of bytesOf(input)) {
      byteCount += piece.length;
      yield piece;
    }
  };
  const stopWatching = onInterrupt(async () => progress.end());
  try {
    for await (const lines of logLines(counted())) {
      for (const line of lines) audit.take(line);
      progress.update(byteCount, audit.lineCount);
    }
  } finally {
    progress.end();
    stopWatching();
  }
}
