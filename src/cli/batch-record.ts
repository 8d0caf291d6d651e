import type { Command } from 'commander';
import { itemKey } from '../batch/item.js';
import { outcomeOf } from '../batch/outcome.js';
import { type Recorded, Recorder, type ResultText } from '../batch/record.js';
import { badLine, LineReader } from './batch-lines.js';
import {
  addRequestOptions,
  addStoreOption,
  DEFAULT_STORE,
  type RequestFlags,
  RequestReader,
} from './batch-plan.js';
import { EXIT } from './exit-codes.js';
import { addIdentityOptions } from './identity-options.js';
import { toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { memberText } from './member-text.js';
import { print } from './output.js';
import { withStore } from './store.js';
import type { StoreAddress } from './store-at.js';
import { counted, grouped, printable } from './terminal.js';

const RECORD_HELP = `
Takes what the providers give, in any order and any number of times: the results of a Message Batch,
the output file of OpenAI and its error file. What failed, expired or was canceled is in the next plan
again, unless it is kept.

Examples:
  curl $results_url … | samekey batch record
  samekey batch record output.jsonl && samekey batch record errors.jsonl`;

const RESULTS_HELP = `
Prints the lines that the provider gave, under the custom_ids of the requests; requests without one
are called by their keys. Ends with exit code 1 while there are requests without a result.

Example:
  samekey batch results requests.jsonl > answers.jsonl`;

type RecordFlags = StoreAddress & {
  readonly skipInvalid?: true;
  readonly storeErrors?: true;
  readonly json?: true;
};

export function addRecordCommand(batch: Command): void {
  addStoreOption(batch.command('record'))
    .description('keep the results of batches')
    .argument('[FILE]', 'a result in each line; standard input if it is - or left out')
    .option('--store-errors', 'keep errors as results, too, so that they are not sent again')
    .option('--skip-invalid', 'report a line that is no result and go on')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', RECORD_HELP)
    .action(runRecord);
}

export function addResultsCommand(batch: Command): void {
  const command = addRequestOptions(batch.command('results'))
    .description('print the results of requests, in their order')
    .addHelpText('after', RESULTS_HELP)
    .action(runResults);
  addIdentityOptions(command);
}

async function runRecord(file: string | undefined, flags: RecordFlags): Promise<void> {
  const lines = new LineReader(toInput(file, 'batch record'), flags.skipInvalid === true);
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const recorder = new Recorder({
      store,
      storeErrors: ({ outcome }) => outcome === 'errored' && flags.storeErrors === true,
    });
    const stopWatching = onInterrupt(async () => lines.end());
    try {
      for await (const window of lines.windows(readResult)) {
        await recorder.take(window.map(({ value }) => value));
      }
    } finally {
      stopWatching();
    }
    lines.summarize();
    await print(
      flags.json
        ? `${JSON.stringify({ lines: lines.lineCount, skipped: lines.skippedCount, ...recorder.recorded })}\n`
        : recordedText(recorder.recorded),
    );
    if (recorder.recorded.unknown > 0) process.exitCode = EXIT.no;
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
  // As it is written: what JavaScript would make of its numbers is another matter.
  const texts = members.map((name) => `"${name}":${memberText(text, [name])}`);
  return { customId: line.custom_id, text: `{${texts.join(',')}}`, outcome };
}

function recordedText({ stored, released, repeated, late, unknown, unknownIds }: Recorded): string {
  const rest = [
    [repeated, 'known before'],
    [late, 'of an earlier batch'],
  ] as const;
  const others = rest
    .filter(([count]) => count > 0)
    .map(([count, what]) => `, ${grouped(count)} ${what}`);
  const shown = unknownIds
    .slice(0, 3)
    .map((id) => printable(id.slice(0, 70)))
    .join(', ');
  return [
    `${counted(stored, 'result')} kept, ${grouped(released)} to be sent again${others.join('')}\n`,
    unknown === 0
      ? ''
      : `${counted(unknown, 'result')} of nothing that was planned here: ${shown}\n`,
  ].join('');
}

async function runResults(file: string | undefined, flags: RequestFlags): Promise<void> {
  const requests = new RequestReader(flags);
  const lines = new LineReader(toInput(file, 'batch results'), flags.skipInvalid === true);
  const decoder = new TextDecoder();
  let missingCount = 0;
  let requestCount = 0;
  await withStore({ store: DEFAULT_STORE, ...flags }, async (store) => {
    const read = (text: string, value: object) => requests.read(text, value);
    for await (const window of lines.windows(read)) {
      requestCount += window.length;
      const found = await Promise.all(window.map(({ value }) => store.read(itemKey(value.id))));
      const texts = window.map(({ value: { id, requester = id } }, i) => {
        const record = found[i]?.record;
        if (record?.payload === undefined) {
          missingCount++;
          return '';
        }
        return `{"custom_id":${JSON.stringify(requester)},${decoder.decode(record.payload).slice(1)}\n`;
      });
      await print(texts.join(''));
    }
  });
  lines.summarize();
  if (missingCount === 0) return;
  process.stderr.write(
    `samekey: ${counted(missingCount, 'request')} of ${grouped(requestCount)} without a result\n`,
  );
  process.exitCode = EXIT.no;
}
