import { type Command, Option } from 'commander';
import { DEFAULT_TTL_MS, planOptions } from '../batch/options.js';
import { Planner, type PlanWriter } from '../batch/planner.js';
import { type BatchProvider, FORMATS } from '../batch/request.js';
import type { EncryptedCodec } from '../once/index.js';
import type { Store } from '../store/store.js';
import { byteSize } from '../text/byte-size.js';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { isReadyToSend, type PlanFile, PlanFolder } from './batch-files.js';
import { LineReader } from './batch-lines.js';
import { beginDigest, type PlanFlags } from './batch-plan-digest.js';
import { addRequestOptions, DEFAULT_STORE, RequestReader } from './batch-requests.js';
import { addEncryptionOptions, encryptionOf, uncheckedText } from './encryption-keys.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { addIdentityOptions } from './identity-options.js';
import { requireReadable, textBytesOf, toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { print } from './output.js';
import { withStore } from './store.js';

/** How long a plan may take. The claims of an interrupted plan last as long. */
const LEASE_MS = 12 * 60 * 60 * 1000;

type Flags = PlanFlags & { readonly out?: string };

const HELP = `
Each line of FILE is a request as the provider's batches take it:
{"custom_id":…, "params":{…}} for Anthropic, {"custom_id":…, "method":"POST",
"url":…, "body":{…}} for OpenAI. The custom_id is optional and names the
recipient of the result. In the batches, the custom_id of a request is derived
from its content.

To resume an interrupted plan, run the same command with the same --out. Until a
plan is complete, its requests are in no other plan for 12 hours. Once it is
complete, they are in no other plan for 30 days: send each file once. The same
command prints the complete plan again. With another FILE or other flags it is
refused: a new plan needs a new folder. A file for
Anthropic is a body for POST /v1/messages/batches. To release a plan that will
not be sent, use samekey batch drop.

A request whose stored result cannot be read is in no plan, unless
--on-unreadable retry is given. Encrypted results are checked with the keys of
--encrypt-env or --encrypt-file. Without keys they count as results.

Examples:
  samekey batch plan requests.jsonl --out tonight
  curl https://api.anthropic.com/v1/messages/batches -d @tonight/batch-0001.json …`;

export function addPlanCommand(batch: Command): void {
  const command = addRequestOptions(batch.command('plan'))
    .description('write the batches that are left to send')
    .option('-o, --out <FOLDER>', 'the folder for the batch files')
    .addOption(
      new Option(
        '--on-unreadable <NAME>',
        'leave out requests whose stored result cannot be read, or send them again',
      )
        .choices(planOptions.onUnreadable.words ?? [])
        .default(planOptions.onUnreadable.default),
    )
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runPlan);
  addIdentityOptions(addEncryptionOptions(command));
}

async function runPlan(file: string | undefined, flags: Flags): Promise<void> {
  const { out } = flags;
  if (out === undefined) throw usageError('--out is missing, wanted a folder for the batches');
  const input = toInput(file, 'batch plan');
  const folder = new PlanFolder(out);
  const codec = await encryptionOf(flags);
  const requests = new RequestReader(flags);
  const digest = beginDigest(flags, DEFAULT_STORE);
  const lines = new LineReader(input, flags.skipInvalid ? 'continue' : 'end', (piece) =>
    digest.update(piece),
  );
  const reportAgain = async (plan: PlanFile) => {
    for await (const piece of textBytesOf(input)) digest.update(piece);
    folder.requireSame(plan, digest.digest('hex'));
    await folder.publish(plan);
    await report(plan, folder, flags, true);
  };
  const before = await folder.read();
  // Nothing is written before the input and the store are open.
  await requireReadable(input);
  if (before !== undefined && isReadyToSend(before)) return reportAgain(before);
  await withStore({ store: DEFAULT_STORE, ...flags, create: true }, async (store) => {
    const started = await folder.begin();
    if (isReadyToSend(started)) return reportAgain(started);
    const stopWatching = onInterrupt(async () => {
      await folder.settle();
      lines.end();
    });
    try {
      const plan = await planFiles(store, folder, started, requests, lines, {
        codec,
        onUnreadable: flags.onUnreadable,
      });
      const finished = await folder.finish({ ...plan, digest: digest.digest('hex') });
      lines.summarize();
      await report(finished, folder, flags, false);
    } finally {
      stopWatching();
    }
  });
}

/** Plans the requests of the input into the files of the folder, which are not finished then. */
async function planFiles(
  store: Store,
  folder: PlanFolder,
  started: PlanFile,
  requests: RequestReader,
  lines: LineReader,
  rules: { readonly codec: EncryptedCodec | undefined; readonly onUnreadable: 'hold' | 'retry' },
): Promise<PlanFile> {
  let planner: Planner | undefined;
  const windows = lines.windows((text, value, number) => requests.read(text, value, number));
  for await (const window of windows) {
    if (window.length === 0) continue;
    const provider = requests.provider as BatchProvider;
    planner ??= new Planner(
      {
        store,
        provider,
        run: started.runs.at(-1) as string,
        earlierRuns: new Set(started.runs.slice(0, -1)),
        limits: FORMATS[provider],
        leaseMs: LEASE_MS,
        ttlMs: DEFAULT_TTL_MS,
        ...rules,
      },
      writerInto(folder, provider),
    );
    await planner.add(window.map(({ value }) => value));
  }
  // The batches count as created before their files get their names and can be sent.
  if (planner !== undefined && !(await planner.handOver())) {
    throw new CliError(
      EXIT.no,
      `${printable(folder.path)}: the plan took longer than 12 hours, after which other plans may have its requests; wanted less, plan again`,
    );
  }
  const { inProgress: underway = 0, ...counts } = planner?.counts ?? {};
  return {
    ...started,
    provider: requests.provider,
    lines: lines.lineCount,
    skipped: lines.skippedCount,
    ...counts,
    underway,
  };
}

function writerInto(folder: PlanFolder, provider: BatchProvider): PlanWriter {
  return {
    addItem(batchNumber, { customId, route, body }) {
      folder.add(batchNumber, FORMATS[provider].line(customId, route.url, body), provider);
    },
    flush: () => folder.flush(),
  };
}

async function report(
  plan: PlanFile,
  { path }: PlanFolder,
  { json }: Flags,
  isOld: boolean,
): Promise<void> {
  const { lines, toSend, duplicates, finished, underway, skipped, files, provider } = plan;
  const { unreadable, unchecked } = plan;
  if (json) {
    const results = { finished, unchecked, unreadable };
    const counts = { lines, toSend, duplicates, ...results, underway, skipped };
    await print(`${JSON.stringify({ plan: path, provider, ...counts, files, isOld })}\n`);
    return;
  }
  const notSent = [
    [duplicates, 'repeated'],
    [finished, `with a result${uncheckedText(unchecked)}`],
    [unreadable, 'with a result that cannot be read'],
    [underway, 'in other batches'],
  ] as const;
  const others = notSent
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `${count} ${reason}`);
  await print(
    [
      `${counted(toSend, 'request')} to send, from ${counted(lines, 'line')}${others.length > 0 ? ` (${others.join(', ')})` : ''}${isOld ? ', as planned before' : ''}`,
      ...files.map(
        ({ file, requests, bytes }) =>
          `  ${printable(path)}/${file}  ${counted(requests, 'request')}  ${byteSize(bytes)}`,
      ),
      '',
    ].join('\n'),
  );
}
