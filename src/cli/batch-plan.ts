import type { Command } from 'commander';
import { type Candidate, ItemClaims } from '../batch/claims.js';
import { batchCodec, type CreatedBatch } from '../batch/in-progress.js';
import { batchKey, batchOwner, ItemKeys } from '../batch/item.js';
import { DEFAULT_TTL_MS } from '../batch/options.js';
import {
  type BatchProvider,
  BODY_OF,
  LIMITS,
  lineOverheadBytes,
  readRequest,
  requestLine,
  requireFit,
} from '../batch/request.js';
import { identities } from '../index.js';
import type { Store } from '../store/store.js';
import { isMade, type PlanFile, PlanFolder } from './batch-files.js';
import { badLine, LineReader, type ReadLine } from './batch-lines.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { toInput } from './input.js';
import { onInterrupt } from './interrupt.js';
import { memberText } from './member-text.js';
import { print } from './output.js';
import { bytesText } from './progress.js';
import { withStore } from './store.js';
import type { StoreAddress } from './store-at.js';
import { counted, printable } from './terminal.js';

/** A plan may take so long, and what one had that was broken off is so long in no other. */
const LEASE_MS = 12 * 60 * 60 * 1000;

export const DEFAULT_STORE = 'lmdb:.samekey';

export interface RequestFlags extends StoreAddress, Omit<IdentityFlags, 'store'> {
  readonly skipInvalid?: true;
  readonly json?: true;
}

type Flags = RequestFlags & { readonly out?: string };

const HELP = `
Each line is a request as the providers' batches have it: {"custom_id":…, "params":{…}} for Anthropic,
{"custom_id":…, "method":"POST", "url":…, "body":{…}} for OpenAI. The custom_id, which may be left
out, is who wants the result; in the batches, requests are called by their keys.

A plan that was broken off goes on when it is started again, with the same --out. It gives its
requests to nobody else for 12 hours while it is not complete, and for 30 days once it is: complete
files are there to be sent, once. Anthropic's are bodies for POST /v1/messages/batches. What will not
be sent after all is given back by samekey batch drop.

Examples:
  samekey batch plan requests.jsonl --out tonight
  curl https://api.anthropic.com/v1/messages/batches -d @tonight/batch-0001.json …`;

export function addPlanCommand(batch: Command): void {
  const command = addRequestOptions(batch.command('plan'))
    .description('write the batches of what is left to be sent of some requests')
    .option('-o, --out <FOLDER>', 'where the batches are written')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action(runPlan);
  addIdentityOptions(command);
}

/** Without a letter of its own, which `--scope` has. */
export function addStoreOption(command: Command): Command {
  return command
    .option('--store <ADDRESS>', `where results are; ${DEFAULT_STORE} unless given`)
    .option('--prefix <TEXT>', 'of the keys in Redis; samekey: unless given')
    .option('--table <NAME>', 'in PostgreSQL; samekey_records unless given');
}

/** What the commands have in common that read requests. */
export function addRequestOptions(command: Command): Command {
  return addStoreOption(command)
    .argument('[FILE]', 'a request in each line; standard input if it is - or left out')
    .option('--skip-invalid', 'report a line that is no request and go on');
}

/** A request in a line. */
export interface LineRequest {
  readonly id: string;
  readonly requester: string | undefined;
  readonly url: string;
  readonly group: string;
  readonly weight: number;
  readonly byteCount: number;
  readonly body: string;
}

/** Reads requests, all of one provider: that of the first one. */
export class RequestReader {
  provider: BatchProvider | undefined;
  readonly #flags: IdentityFlags;
  #keys: ItemKeys | undefined;

  constructor(flags: IdentityFlags) {
    if (flags.bits !== undefined)
      throw usageError('--bits is not for batches, whose keys have 128');
    this.#flags = flags;
    // What is wrong with them is told before anything is read.
    toIdentity(flags);
  }

  read(text: string, value: object): LineRequest {
    const provider = 'params' in value ? 'anthropic' : 'body' in value ? 'openai' : undefined;
    if (provider === undefined)
      throw badLine('wanted a member "params" (Anthropic) or "body" (OpenAI)');
    if (provider !== (this.provider ?? provider)) {
      throw badLine(`it is a request to ${provider}, wanted ${this.provider} as before`);
    }
    const { requester, route } = readRequest(value, provider, 'the line');
    const body = memberText(text, [BODY_OF[provider]]);
    const byteCount = lineOverheadBytes(route.url) + Buffer.byteLength(body);
    requireFit('the line', route, byteCount, LIMITS[provider]);
    const keys = this.#keys ?? new ItemKeys(provider, this.#identity(provider));
    const id = keys.ofJson(body, route.url);
    // A line that is none says nothing about the others.
    this.provider = provider;
    this.#keys = keys;
    return { id, requester, body, byteCount, ...route };
  }

  #identity(provider: BatchProvider) {
    const { include, exclude, preset } = this.#flags;
    const identity = toIdentity(this.#flags);
    const isSaid = include !== undefined || exclude !== undefined || preset !== undefined;
    return isSaid ? identity : { ...identity, exclude: identities[provider].exclude };
  }
}

async function runPlan(file: string | undefined, flags: Flags): Promise<void> {
  const { out } = flags;
  if (out === undefined) throw usageError('--out is missing, wanted a folder for the batches');
  const input = toInput(file, 'batch plan');
  const folder = new PlanFolder(out);
  const requests = new RequestReader(flags);
  const lines = new LineReader(input, flags.skipInvalid === true);
  const before = await folder.read();
  const begun = before !== undefined && isMade(before) ? before : await folder.begin();
  if (isMade(begun)) {
    await folder.publish(begun);
    return report(begun, folder, flags, true);
  }
  const stopWatching = onInterrupt(async () => {
    await folder.end();
    lines.end();
  });
  try {
    await withStore({ store: DEFAULT_STORE, ...flags, isMade: true }, async (store) => {
      const plan = new LinePlan(store, folder, requests, begun);
      for await (const window of lines.windows((text, value) => requests.read(text, value))) {
        await plan.take(window);
      }
      const planned = await plan.finish(lines);
      lines.summarize();
      await report(planned, folder, flags, false);
    });
  } finally {
    stopWatching();
  }
}

/** Deals the requests of a file out to files. */
class LinePlan {
  readonly #store: Store;
  readonly #folder: PlanFolder;
  readonly #requests: RequestReader;
  readonly #begun: PlanFile;
  readonly #run: string;
  readonly #counts = { toSend: 0, duplicates: 0, finished: 0, underway: 0 };
  #claims: ItemClaims | undefined;
  #sinceMs: number | undefined;

  constructor(store: Store, folder: PlanFolder, requests: RequestReader, begun: PlanFile) {
    this.#store = store;
    this.#folder = folder;
    this.#requests = requests;
    this.#begun = begun;
    this.#run = begun.runs.at(-1) as string;
  }

  async take(window: readonly ReadLine<LineRequest>[]): Promise<void> {
    const provider = this.#requests.provider as BatchProvider;
    this.#sinceMs ??= await this.#nowMs();
    this.#claims ??= new ItemClaims({
      store: this.#store,
      run: this.#run,
      earlierRuns: new Set(this.#begun.runs.slice(0, -1)),
      limits: LIMITS[provider],
      leaseMs: LEASE_MS,
      ttlMs: DEFAULT_TTL_MS,
    });
    const candidates = new Map<string, Candidate & LineRequest & { requesters: string[] }>();
    for (const { number, value } of window) {
      const requesters = value.requester === undefined ? [] : [value.requester];
      const twin = candidates.get(value.id);
      if (twin !== undefined) {
        twin.requesters.push(...requesters);
        this.#counts.duplicates++;
        continue;
      }
      candidates.set(value.id, { ...value, ordinal: number, requesters, route: value });
    }
    const list = [...candidates.values()];
    const standings = await this.#claims.settle(list);
    for (const [i, standing] of standings.entries()) {
      if (standing.kind === 'claimed') {
        const { url, body } = list[i] as LineRequest;
        const line = requestLine(provider, standing.customId, url, body);
        this.#folder.add(standing.batch, line, provider);
        this.#counts.toSend++;
      } else {
        this.#counts[standing.kind === 'duplicate' ? 'duplicates' : standing.kind]++;
      }
    }
    await this.#folder.flush();
  }

  /** From here on the batches count as created: who has their files may send them. */
  async finish({ lineCount, skippedCount }: LineReader): Promise<PlanFile> {
    for (const number of this.#folder.numbers) {
      const key = batchKey(batchOwner(this.#run, number));
      const provider = this.#requests.provider as BatchProvider;
      const created: CreatedBatch = {
        id: null,
        provider,
        itemCount: this.#folder.requestCount(number),
      };
      const { nowMs } = await this.#store.claim(key, {
        owner: this.#run,
        leaseMs: LEASE_MS,
        ttlMs: DEFAULT_TTL_MS,
        fingerprint: undefined,
        takeUnknown: false,
        takeFinished: false,
      });
      if (nowMs >= (this.#sinceMs ?? nowMs) + LEASE_MS) {
        await this.#store.release(key, this.#run);
        throw new CliError(
          EXIT.no,
          `${printable(this.#folder.path)}: the plan took longer than 12 hours, after which others may have its requests; wanted less, plan again`,
        );
      }
      await this.#store.complete(key, this.#run, {
        state: 'done',
        codec: batchCodec.name,
        payload: batchCodec.encode(created),
        ttlMs: DEFAULT_TTL_MS,
      });
    }
    const { provider } = this.#requests;
    const counts = { lines: lineCount, skipped: skippedCount, ...this.#counts };
    return this.#folder.finish({ ...this.#begun, provider, ...counts });
  }

  async #nowMs(): Promise<number> {
    return (await this.#store.read(batchKey(batchOwner(this.#run, 1)))).nowMs;
  }
}

async function report(
  plan: PlanFile,
  { path }: PlanFolder,
  { json }: Flags,
  isOld: boolean,
): Promise<void> {
  const { lines, toSend, duplicates, finished, underway, skipped, files, provider } = plan;
  if (json) {
    const counts = { lines, toSend, duplicates, finished, underway, skipped };
    await print(`${JSON.stringify({ plan: path, provider, ...counts, files, isOld })}\n`);
    return;
  }
  const rest = [
    [duplicates, 'asked for twice'],
    [finished, 'with a result'],
    [underway, 'in other batches'],
  ] as const;
  const others = rest.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  await print(
    [
      `${counted(toSend, 'request')} to be sent of ${counted(lines, 'line')}${others.length > 0 ? ` (${others.join(', ')})` : ''}${isOld ? ', as planned before' : ''}`,
      ...files.map(
        ({ file, requests, bytes }) =>
          `  ${printable(path)}/${file}  ${counted(requests, 'request')}  ${bytesText(bytes)}`,
      ),
      '',
    ].join('\n'),
  );
}
