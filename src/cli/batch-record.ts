import type { Command } from 'commander';
import { itemKey } from '../batch/item.js';
import { outcomeOf } from '../batch/outcome.js';
import { malformedLine, type ResultText } from '../batch/read-result.js';
import { type Recorded, Recorder } from '../batch/record.js';
import { isUnreadable, storedText } from '../batch/stored-item.js';
import { counted, grouped } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { badLine, LineReader } from './batch-lines.js';
import {
  addRequestOptions,
  addStoreOption,
  DEFAULT_STORE,
  type RequestFlags,
  RequestReader,
} from './batch-requests.js';
import { addEncryptionOptions, type EncryptionFlags, encryptionOf } from './encryption-keys.js';
import { EXIT } from './exit-codes.js';
import { addIdentityOptions } from './identity-options.js';
import { toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { memberText } from './member-text.js';
import type { StoreAddress } from './open-store.js';
import { print } from './output.js';
import { withStore } from './store.js';

const RECORD_HELP = `
Reads the results of a Message Batch (Anthropic), or the output file and the
error file of a batch (OpenAI), in any order. Recording a file again changes
nothing. A request that failed, expired or was canceled is in the next plan
again. --store-errors stores errors as results instead. An invalid line is
reported, and its request is in the next plan again. All other lines are
recorded. The exit code is 4 then, or 0 with --skip-invalid.

Examples:
  curl $results_url … | samekey batch record
  samekey batch record output.jsonl && samekey batch record errors.jsonl`;

const RESULTS_HELP = `
Prints the provider's result line of each request, with the custom_id of the
request, or its key if it has no custom_id. The exit code is 1 while there are
requests without a result.

Example:
  samekey batch results requests.jsonl > answers.jsonl`;

type RecordFlags = StoreAddress &
  EncryptionFlags & {
    readonly skipInvalid?: true;
    readonly storeErrors?: true;
    readonly json?: true;
  };

export function addRecordCommand(batch: Command): void {
  addEncryptionOptions(addStoreOption(batch.command('record')))
    .description('store the results of batches')
    .argument('[FILE]', 'one result per line (default: standard input, also written -)')
    .option('--store-errors', 'store errors as results, so that the requests are not sent again')
    .option('--skip-invalid', 'exit with code 0 although there are invalid lines')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', RECORD_HELP)
    .action(runRecord);
}

export function addResultsCommand(batch: Command): void {
  const command = addRequestOptions(batch.command('results'))
    .description('print the results of requests, in the order of the requests')
    .addHelpText('after', RESULTS_HELP)
    .action(runResults);
  addIdentityOptions(addEncryptionOptions(command));
}

async function runRecord(file: string | undefined, flags: RecordFlags): Promise<void> {
  const codec = await encryptionOf(flags);
  const lines = new LineReader(toInput(file, 'batch record'), 'continue');
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const recorder = new Recorder({
      store,
      ...(codec && { codec }),
      storeErrors: ({ outcome }) => outcome === 'errored' && flags.storeErrors === true,
    });
    const stopWatching = onInterrupt(async () => lines.end());
    try {
      for await (const window of lines.windows(readResult, malformedLine)) {
        await recorder.record(window.map(({ value }) => value));
      }
    } finally {
      stopWatching();
    }
    lines.summarize();
    await print(
      flags.json
        ? `${JSON.stringify({ lines: lines.lineCount, skipped: lines.skippedCount, ...recorder.counts })}\n`
        : recordedText(recorder.counts),
    );
    if (recorder.counts.unknown > 0) process.exitCode = EXIT.no;
    if (recorder.counts.malformed > 0 && !flags.skipInvalid) process.exitCode = EXIT.invalid;
  });
}

function readResult(text: string, value: object): ResultText {
  const line = value as Record<string, unknown>;
  const outcome = outcomeOf(line);
  if (typeof line.custom_id !== 'string' || outcome === undefined) {
    throw badLine(
      'wanted a result of a batch: "custom_id" and "result", or "response" and "error"',
    );
  }
  const members = ['result', 'response', 'error'].filter((name) => Object.hasOwn(line, name));
  // The original text: JSON.parse would round numbers that a double cannot hold.
  const texts = members.map((name) => `"${name}":${memberText(text, [name])}`);
  const joined = `{${texts.join(',')}}`;
  return { customId: line.custom_id, text: joined, outcome, isMalformed: false };
}

function recordedText(recorded: Recorded): string {
  const { stored, released, repeated, late, unknown, malformed, unknownIds } = recorded;
  const notStored = [
    [repeated, 'recorded before'],
    [late, 'of an earlier batch'],
    [malformed, 'malformed'],
  ] as const;
  const others = notStored
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `, ${grouped(count)} ${reason}`);
  const shown = unknownIds
    .slice(0, 3)
    .map((id) => printable(id.slice(0, 70)))
    .join(', ');
  return [
    `${counted(stored, 'result')} stored, ${grouped(released)} to send again${others.join('')}\n`,
    unknown === 0
      ? ''
      : `${counted(unknown, 'result')} of requests that were never planned with this store: ${shown}\n`,
  ].join('');
}

async function runResults(
  file: string | undefined,
  flags: RequestFlags & EncryptionFlags,
): Promise<void> {
  const requests = new RequestReader(flags);
  const codec = await encryptionOf(flags);
  const lines = new LineReader(toInput(file, 'batch results'), 'continue');
  const unreadable: Error[] = [];
  let missingCount = 0;
  let requestCount = 0;
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const windows = lines.windows((text, value, number) => requests.read(text, value, number));
    for await (const window of windows) {
      requestCount += window.length;
      const found = await Promise.all(
        window.map(async ({ value }) => {
          const key = itemKey(value.id);
          const { record } = await store.read(key);
          if (record === undefined || record.state === 'running') return undefined;
          return storedText(key, record, codec);
        }),
      );
      const texts = window.map(({ value: { id, requester = id } }, i) => {
        const stored = found[i];
        if (stored === undefined) missingCount++;
        else if (isUnreadable(stored.outcome)) unreadable.push(stored.outcome.error as Error);
        else return `{"custom_id":${JSON.stringify(requester)},${stored.text.slice(1)}\n`;
        return '';
      });
      await print(texts.join(''));
    }
  });
  lines.summarize();
  if (missingCount > 0) {
    process.stderr.write(
      `samekey: ${counted(missingCount, 'request')} of ${grouped(requestCount)} without a result\n`,
    );
    process.exitCode = EXIT.no;
  }
  if (lines.skippedCount > 0 && !flags.skipInvalid) process.exitCode = EXIT.invalid;
  const [first] = unreadable;
  if (first !== undefined) {
    process.stderr.write(
      `samekey: ${counted(unreadable.length, 'result')} of ${grouped(requestCount)} cannot be read: ${printable(first.message)}\n`,
    );
    process.exitCode = EXIT.unreadable;
  }
}
