import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { explain, uuidv5 } from '../index.js';
import { toLineError } from '../pool/fault.js';
import { keyBlocks, type LineBlock, type RunBatch, runHere } from '../pool/key-blocks.js';
import { keysOfBatch, type MakeKey } from '../pool/keys-of-batch.js';
import { poolOptions } from '../pool/options.js';
import { canStartThreads, Threads } from '../pool/threads.js';
import { toWork } from '../pool/work.js';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { badLine } from './batch-lines.js';
import { invalidInput, toCliError, usageError } from './exit-codes.js';
import { inFlags } from './flag-names.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { type Input, parse, sizeOf, textBytesOf, toInput, valuesFit } from './input.js';
import { onInterrupt } from './interrupt.js';
import { jsonRows, plainRows, type RowFormat, tabbedRows } from './key-rows.js';
import { refuseKeyFlags, toNamespace } from './namespaces.js';
import { printAll } from './output.js';
import { Progress } from './progress.js';

interface KeysFlags extends IdentityFlags {
  readonly uuid?: string;
  readonly json?: true;
  readonly tsv?: true;
  readonly threads?: number;
  readonly skipInvalid?: true;
}

/** A smaller input is done before threads would have started. */
const SMALL_BYTES = 1 << 24;

const EXAMPLES = `
Line n of the output is the key of line n of the input. The output of a blank
line is an empty line, and so is that of a line skipped by --skip-invalid.
Threads need the package piscina; small inputs use none.

With --tsv a line of the output is the number of an input line, a tab and its
key. With --json it is an object: line, key (or uuid and namespace), hmac if a
secret is used, and identity, the options of defineIdentity that make the same
key again. Blank lines have no row then. A skipped line has one with --json:
line and error, which has a code and a message.

Examples:
  samekey keys requests.jsonl > keys.txt
  samekey keys requests.jsonl | paste - requests.jsonl
  samekey keys requests.jsonl --preset openai | sort | uniq -d     repeated requests
  samekey keys requests.jsonl --json | jq -r 'select(.line == 7).key'
  zcat requests.jsonl.gz | samekey keys --skip-invalid --threads 4`;

export function addKeysCommand(program: Command): void {
  const command = program
    .command('keys')
    .description('print the key of each line of JSON Lines')
    .argument('[FILE]', 'one JSON text per line (default: standard input, also written -)')
    .option('-t, --threads <count>', 'number of threads (default: number of cores)', toThreads)
    .option('--skip-invalid', 'report an invalid line and continue')
    .option('--uuid <namespace>', 'print UUIDs version 5 instead: dns, url, oid, x500 or a UUID')
    .option('--tsv', 'print the number of each line, a tab and its key')
    .option('--json', 'print JSON Lines: the number of each line, its key and how it was derived')
    .addHelpText('after', EXAMPLES)
    .action(runKeys);
  addIdentityOptions(command);
}

function toThreads(text: string): number {
  const count = Number(text);
  const { threads } = poolOptions;
  if (/^\d+$/.test(text) && threads.faultOf(count) === undefined) return count;
  throw new InvalidArgumentError(`Wanted ${threads.wanted}.`);
}

async function runKeys(file: string | undefined, flags: KeysFlags): Promise<void> {
  refuseContradictions(flags);
  const input = toInput(file, 'keys');
  const identity = toIdentity(flags);
  const namespace = flags.uuid === undefined ? undefined : toNamespace(flags.uuid);
  const rows = flags.json ? jsonRows(identity, namespace) : flags.tsv ? tabbedRows : plainRows;
  const threads =
    namespace !== undefined
      ? 1
      : (flags.threads ?? (canStartThreads() ? availableParallelism() : 1));
  const pool = threads === 1 ? undefined : new Threads(threads);
  const totalBytes = await sizeOf(input);
  const output = new Output(input, new Progress(totalBytes), rows);
  const runAlone = namespace === undefined ? runHere : uuidsIn(namespace);
  const run = pool === undefined ? runAlone : runInThreads(pool, totalBytes);
  const work = toWork(identity, { continueOnFault: flags.skipInvalid === true });
  const stopWatching = onInterrupt(() => output.end());
  try {
    for await (const block of keyBlocks(textBytesOf(input), run, work, threads)) {
      await output.write(block, work.continueOnFault);
    }
  } catch (error) {
    throw toCliError(error, input.name);
  } finally {
    await output.end();
    stopWatching();
  }
  output.summarize();
  await pool?.close();
}

function refuseContradictions(flags: KeysFlags): void {
  refuseKeyFlags(flags);
  if (flags.json && flags.tsv) {
    throw usageError('--json and --tsv are both a form of the output: leave one out');
  }
  if (flags.uuid !== undefined && flags.threads !== undefined) {
    throw usageError('--threads applies to keys, and UUIDs are made in one thread: leave one out');
  }
}

/** How many copies of the values of a line memory has to hold: as values and as canonical text. */
const COPY_COUNT = 2;

/** Makes UUIDs of the canonical form of each line, as `samekey key --uuid` does. */
function uuidsIn(namespace: string): RunBatch {
  const makeUuid: MakeKey = (text, identity = {}) => {
    if (!valuesFit(text, COPY_COUNT)) throw badLine('it has more values than fit into memory');
    return uuidv5(namespace, explain(parse(text, identity), identity).canonical);
  };
  return async (batch, work) => keysOfBatch(batch, work, makeUuid);
}

/** Runs the first batches here, and starts threads only for an input that is large enough. */
function runInThreads(pool: Threads, totalBytes: number | undefined): RunBatch {
  let bytesHere = totalBytes !== undefined && totalBytes > SMALL_BYTES ? SMALL_BYTES : 0;
  return (batch, work) => {
    bytesHere += batch.bytes.length;
    return bytesHere <= SMALL_BYTES ? runHere(batch, work) : pool.run(batch, work);
  };
}

/** Prints keys to standard output and faults to standard error, above a progress bar. */
class Output {
  readonly #input: Input;
  readonly #progress: Progress;
  #lineCount = 0;
  #skippedCount = 0;
  #writing: Promise<void> = Promise.resolve();
  readonly #rows: RowFormat;
  #isEnded = false;

  constructor(input: Input, progress: Progress, rows: RowFormat) {
    this.#rows = rows;
    this.#input = input;
    this.#progress = progress;
  }

  async write(block: LineBlock, skipsInvalid: boolean): Promise<void> {
    // After an interrupt, nothing follows the last complete line.
    if (this.#isEnded) return new Promise(() => {});
    const { faults, firstLine, itemCount, byteCount } = block;
    if (process.stdout.isTTY || faults.length > 0) this.#progress.hide();
    this.#writing = printAll(this.#rows(block));
    await this.#writing;
    const messages = faults.map((fault) => toLineError(fault, firstLine + fault.item).message);
    const [message] = messages;
    if (!skipsInvalid && message !== undefined) throw invalidInput(this.#input.name, message);
    const lines = messages.map(
      (each) => `samekey: ${this.#input.name}: ${printable(inFlags(each))}\n`,
    );
    if (lines.length > 0) process.stderr.write(lines.join(''));
    this.#skippedCount += faults.length;
    this.#lineCount += itemCount;
    this.#progress.update(byteCount, this.#lineCount);
  }

  /** Waits until the last line is complete. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#writing;
    this.#progress.end();
  }

  /** Reports how many lines were skipped. */
  summarize(): void {
    if (this.#skippedCount === 0) return;
    const skipped = `${counted(this.#skippedCount, 'line')} skipped of`;
    process.stderr.write(
      `samekey: ${this.#input.name}: ${skipped} ${counted(this.#lineCount, 'line')}\n`,
    );
  }
}
