import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { toLineError } from '../pool/fault.js';
import { keyBlocks, type LineBlock, type RunBatch, runHere } from '../pool/key-blocks.js';
import { poolOptions } from '../pool/options.js';
import { canStartThreads, Threads } from '../pool/threads.js';
import { toWork } from '../pool/work.js';
import { invalidInput, toCliError } from './exit-codes.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { bytesOf, type Input, sizeOf, toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { printAll } from './output.js';
import { Progress } from './progress.js';
import { counted, printable } from './terminal.js';

interface KeysFlags extends IdentityFlags {
  readonly threads?: number;
  readonly skipInvalid?: true;
}

/** A smaller input is done before threads would have started. */
const SMALL_BYTES = 1 << 24;

const EXAMPLES = `
Line n of the output is the key of line n of the input. The output of a blank
line is an empty line, and so is that of a line skipped by --skip-invalid.
Threads need the package piscina; small inputs use none.

Examples:
  samekey keys requests.jsonl > keys.txt
  samekey keys requests.jsonl | paste - requests.jsonl
  samekey keys requests.jsonl --preset openai | sort | uniq -d     repeated requests
  zcat requests.jsonl.gz | samekey keys --skip-invalid --threads 4`;

export function addKeysCommand(program: Command): void {
  const command = program
    .command('keys')
    .description('print the key of each line of JSON Lines')
    .argument('[FILE]', 'one JSON text per line (default: standard input, also written -)')
    .option('-t, --threads <count>', 'number of threads (default: number of cores)', toThreads)
    .option('--skip-invalid', 'report an invalid line and continue')
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
  const input = toInput(file, 'keys');
  const identity = toIdentity(flags);
  const threads = flags.threads ?? (canStartThreads() ? availableParallelism() : 1);
  const pool = threads === 1 ? undefined : new Threads(threads);
  const totalBytes = await sizeOf(input);
  const output = new Output(input, new Progress(totalBytes));
  const run = pool === undefined ? runHere : runInThreads(pool, totalBytes);
  const work = toWork(identity, { continueOnFault: flags.skipInvalid === true });
  const stopWatching = onInterrupt(() => output.end());
  try {
    for await (const block of keyBlocks(bytesOf(input), run, work, threads)) {
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
  #isEnded = false;

  constructor(input: Input, progress: Progress) {
    this.#input = input;
    this.#progress = progress;
  }

  async write(block: LineBlock, skipsInvalid: boolean): Promise<void> {
    // After an interrupt, nothing follows the last complete line.
    if (this.#isEnded) return new Promise(() => {});
    const { keys, faults, firstLine, itemCount, byteCount } = block;
    if (process.stdout.isTTY || faults.length > 0) this.#progress.hide();
    this.#writing = printAll(keys);
    await this.#writing;
    const messages = faults.map((fault) => toLineError(fault, firstLine + fault.item).message);
    const [message] = messages;
    if (!skipsInvalid && message !== undefined) throw invalidInput(this.#input.name, message);
    const lines = messages.map((each) => `samekey: ${this.#input.name}: ${printable(each)}\n`);
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
