import { type Command, InvalidArgumentError } from 'commander';
import { Audit, explainEmptyLog, faultLines } from './audit-faults.js';
import { auditJson, auditView } from './audit-view.js';
import { EXIT, invalidInput, usageError } from './exit-codes.js';
import { toField } from './field.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { type Input, sizeOf, textBytesOf, toInput } from './input.js';
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

/** `key` comes last, since it is the least specific name. */
const KEY_FIELDS = ['idempotency_key', 'idempotencyKey', 'key'];
/** `$` is the line itself, as in most logs. */
const USAGE_FIELDS = ['$', 'response', 'response.body', 'body'];
const MODEL_FIELDS = ['model', 'response.model', 'request.model', 'body.model'];
const DEFAULT_TOP = 20;
const MAX_TOP = 1000;
/** They take 2.3 GB of memory. */
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
A field is a list of names joined by dots. usage.cost is the member cost of the
member usage, or the member "usage.cost" if that does not exist. $.usage.cost is
only the former, $['usage.cost'] only the latter. The wasted cost of a key is
the cost of all its calls except the most expensive one. Every line with a key
counts as a call, so filter out other lines first.

Tokens are read from a provider's usage object, from a response that contains
one, or from the text of a body (JSON or server-sent events). --prices FILE
converts them into money. FILE contains {"currency": "USD", "prices": {"gpt-5*":
{"inputPerMillion": 1.25, "cachedInputPerMillion": 0.125, "outputPerMillion":
10}}}. samekey has no built-in prices.

A key takes 40 to 50 bytes of memory (10 million keys: half a gigabyte), plus 16
to 32 with tokens. The length of the log does not matter. Keys beyond --max-keys
are not compared: the program reports how many, and the exit code is 4.

Examples:
  samekey audit calls.jsonl --cost-field usage.cost
  samekey audit calls.jsonl --prices prices.json
  samekey audit calls.jsonl --key-field headers.idempotency-key --cost 0.01
  zcat calls.jsonl.gz | samekey audit --request-field body --preset openai
  grep '"type":"executed"' once-events.jsonl | samekey audit --fail-on-duplicates`;

export function addAuditCommand(program: Command): void {
  const command = program
    .command('audit')
    .description('find repeated calls in a log, and their cost')
    .argument('[FILE]', 'one JSON object per line (default: standard input, also written -)')
    .option(
      '-k, --key-field <field>',
      `the field of the key; repeatable, the first one found counts (default: ${KEY_FIELDS.join(', ')})`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-r, --request-field <field>',
      'the field of the request, to derive the key with the options below; $ is the whole line',
    )
    .option('-c, --cost-field <field>', 'the field of the cost of the call')
    .option('--cost <number>', 'the cost of every call', toCost)
    .option('--prices <file>', 'a JSON file with the prices of each model per million tokens')
    .option(
      '-u, --usage-field <field>',
      `the field of the tokens; repeatable (default with --prices: ${USAGE_FIELDS.join(', ')})`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-m, --model-field <field>',
      `the field of the model's name; repeatable (default: ${MODEL_FIELDS.join(', ')})`,
      (field: string, before: readonly string[] = []) => [...before, field],
    )
    .option(
      '-n, --top <count>',
      'how many keys to print, the most expensive first',
      wholeNumber(MAX_TOP),
      DEFAULT_TOP,
    )
    .option(
      '--max-keys <count>',
      'how many different keys to compare',
      wholeNumber(MAX_MAX_KEYS),
      DEFAULT_MAX_KEYS,
    )
    .option('--fail-on-duplicates', 'exit with code 1 if a key is repeated')
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
  if (/^(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) && Number(text) <= 1e15) return Number(text);
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
  // A log without calls must not pass for a log without duplicates.
  if (tally.callCount === 0) throw invalidInput(input.name, explainEmptyLog(audit));
  const faults = faultLines(audit).map((line) => `samekey: ${input.name}: ${line}\n`);
  if (faults.length > 0) process.stderr.write(faults.join(''));
  await print(
    flags.json
      ? `${JSON.stringify(auditJson(audit))}\n`
      : auditView(audit, styleOf(process.stdout)),
  );
  if (flags.failOnDuplicates && tally.duplicateCount > 0) process.exitCode = EXIT.no;
  else if (tally.notComparedCount > 0) process.exitCode = EXIT.invalid;
}

async function toFields(flags: AuditFlags): Promise<CallFields> {
  const { keyField, requestField, costField, cost, usageField, modelField, prices } = flags;
  if (keyField !== undefined && requestField !== undefined) {
    throw usageError('--key-field and --request-field both define the key: leave one out');
  }
  if (costField !== undefined && cost !== undefined) {
    throw usageError('--cost-field and --cost both define the cost: leave one out');
  }
  if (prices !== undefined && (costField !== undefined || cost !== undefined)) {
    const other = cost === undefined ? '--cost-field' : '--cost';
    throw usageError(`--prices and ${other} both define the cost: leave one out`);
  }
  if (modelField !== undefined && prices === undefined) {
    throw usageError('--model-field applies to prices only, wanted --prices too');
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

/** The options of an identity apply only when keys are derived from logged requests. */
function refuseIdentity(flags: AuditFlags): void {
  for (const [name, flag] of IDENTITY_FLAGS) {
    if (flags[name] !== undefined) {
      throw usageError(`--${flag} applies to derived keys only, wanted --request-field too`);
    }
  }
}

async function read(input: Input, audit: Audit): Promise<void> {
  const progress = new Progress(await sizeOf(input));
  let byteCount = 0;
  const counted = async function* () {
    for await (const piece of textBytesOf(input)) {
      byteCount += piece.length;
      yield piece;
    }
  };
  const stopWatching = onInterrupt(async () => progress.end());
  try {
    for await (const lines of logLines(counted())) {
      for (const line of lines) audit.add(line);
      progress.update(byteCount, audit.lineCount);
    }
  } finally {
    progress.end();
    stopWatching();
  }
}
