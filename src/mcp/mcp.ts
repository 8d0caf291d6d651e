/** `samekey/mcp`: tools of an MCP server that run at most once for what identifies the operation. */

import { encoder } from '../engine/utf8.js';
import { fail, nameOf, quote, type SamekeyError } from '../errors/errors.js';
import { defineIdentity, type Identity, keyOf, scoped } from '../index.js';
import { faultOfChosenKey, MAX_KEY_CHARACTERS } from '../once/chosen-key.js';
import type { OwnCodec } from '../once/codec.js';
import {
  createOnce,
  jsonCodec,
  type Once,
  type OnceContext,
  OnceError,
  type OnceStats,
  UnstorableResultError,
} from '../once/index.js';
import { encryptedBy, onceOptions } from '../once/options.js';
import { ask } from '../options/callbacks.js';
import { optionOf, readOptions } from '../options/read.js';
import { type CallExtra, metaOf, type ToolResult } from './call.js';
import { callerOf } from './caller.js';
import {
  handlerOptions,
  type IdempotentToolOptions,
  type IdempotentToolsOptions,
  type ToolSettings,
  toolsOptions,
} from './options.js';
import { detailOf, refusal } from './refusal.js';
import { WaitingCallers } from './waiting-callers.js';

export type { CallExtra, ToolResult } from './call.js';
export type { IdempotentToolOptions, IdempotentToolsOptions } from './options.js';

/** The part of `McpServer` that samekey uses. */
export interface ToolServer {
  registerTool(name: string, config: never, handler: never): unknown;
}

/** A handler that runs once per key. */
export interface IdempotentHandler<Args, Extra, Result> {
  (args: Args, extra: Extra): Promise<Result>;
  /** For the tool's entry in `tools/list`: whether a repeated call has no further effect. */
  readonly annotations: { readonly idempotentHint: boolean };
}

/** What `idempotentTools` returns. */
export interface IdempotentTools<Extra = CallExtra> {
  /**
   * Returns the `registerTool` of an `McpServer`, whose tools run once, and whose `idempotentHint` says
   * so if `config.annotations` does not set it.
   */
  on<Server extends ToolServer>(
    server: Server,
    options?: IdempotentToolOptions,
  ): Pick<Server, 'registerTool'>;
  /** Returns a handler that runs once, for a `Server` without `registerTool`. */
  handler<Args, Given extends Extra, Result extends object>(
    name: string,
    handler: (args: Args, extra: Given) => Result | Promise<Result>,
    options?: IdempotentToolOptions,
  ): IdempotentHandler<Args, Given, Result>;
  /** Deletes the stored result of a key, which `_meta['samekey-key']` of each result shows. */
  evict(key: string): Promise<boolean>;
  /** Returns the counts of this process. */
  stats(): OnceStats;
  /** Refuses new calls, waits for the runs in progress and closes the store. */
  close(): Promise<void>;
}

/**
 * A result that is not stored, as `onEvent` and `unknownErrors` get it. The caller receives the result.
 */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  /** The result of the tool, with `isError: true` by default. */
  readonly result: ToolResult;

  constructor(tool: string, result: ToolResult) {
    super(`The tool ${tool} gave a result that is not stored`);
    this.result = result;
  }
}

/** The result as it is sent: what JSON drops or changes would not reach a client anyway. */
const sentJson: OwnCodec = {
  name: jsonCodec.name,
  isOwn: true,
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode(payload) {
    const value = jsonCodec.decode(payload);
    // Another program has written it: no other value is stored.
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new TypeError('it is not the result of a tool');
  },
};

type AnyHandler = (...given: readonly unknown[]) => unknown;

/**
 * Returns what makes tools of an MCP server run at most once per operation, in all processes that share
 * the store. Every duplicate receives the result of the first call, with `samekey` (`executed`, `joined`
 * or `replayed`) and `samekey-key` in its `_meta`.
 *
 * A key of the caller in `_meta.idempotencyKey` identifies the operation. Without one, the arguments do,
 * as the handler receives them: validated, without those that the schema does not have, with its defaults.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * const tools = idempotentTools({ store: memoryStore() });
 * let paid = 0;
 * const pay = tools.handler('pay', async ({ order }) => ({ content: [], paid: ++paid, order }), {
 *   identity: { include: ['order'] },
 * });
 * const extra = { signal: new AbortController().signal, sendNotification: async () => {} };
 * (await pay({ order: 7, reason: 'as agreed' }, extra)).paid; // 1
 * (await pay({ order: 7, reason: 'the customer agreed' }, extra)).paid; // 1
 */
export function idempotentTools<Extra extends CallExtra = CallExtra>(
  options: IdempotentToolsOptions<Extra>,
): IdempotentTools<Extra> {
  const { account, scope, metaName, codec, ...rest } = readOptions(
    toolsOptions,
    options,
    'options of idempotentTools',
    { hintAt: optionOf({ createOnce: onceOptions, 'one tool': handlerOptions }) },
  );
  const once: Once<boolean> = createOnce({
    ...rest,
    codec: encryptedBy(codec, sentJson),
  } as never);
  const scopes = [scope].flat();
  const shared = {
    once,
    metaName,
    waiting: new WaitingCallers(),
    scopeOf: (name: string, extra: CallExtra) => [
      ...scopes,
      'mcp',
      name,
      callerOf(extra, account as ((extra: CallExtra) => unknown) | undefined),
    ],
  };
  const handler = (name: string, fn: AnyHandler, given: IdempotentToolOptions = {}) =>
    wrap(new Tool(name, fn, readTool(name, fn, given), shared));
  return {
    handler: handler as unknown as IdempotentTools<Extra>['handler'],
    on: (server, given) => ({ registerTool: registrar(server, given, handler) as never }),
    evict: (key) => once.evict(key),
    stats: () => once.stats(),
    close: () => once.close(),
  };
}

function readTool(name: unknown, fn: unknown, given: IdempotentToolOptions): ToolSettings {
  if (typeof name !== 'string' || name === '' || typeof fn !== 'function') {
    const what = typeof fn === 'function' ? `its name is ${nameOf(name)}` : `it is ${nameOf(fn)}`;
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make a tool: ${what}, wanted a name and a function`,
    );
  }
  return readOptions(handlerOptions, given, `options of the tool ${quote(name)}`, {
    hintAt: optionOf({ idempotentTools: toolsOptions }),
  });
}

/** What all tools of one `idempotentTools` have. */
interface Shared {
  readonly once: Once<boolean>;
  readonly metaName: string;
  readonly waiting: WaitingCallers;
  scopeOf(name: string, extra: CallExtra): readonly string[];
}

/** What identifies a call. */
interface CallIdentity {
  readonly key: string;
  readonly fingerprint: string;
}

/** A tool, and how its calls run. */
class Tool {
  readonly settings: ToolSettings;
  readonly #name: string;
  readonly #fn: AnyHandler;
  readonly #identity: Identity;
  readonly #shared: Shared;

  constructor(name: string, fn: AnyHandler, settings: ToolSettings, shared: Shared) {
    this.#name = name;
    this.#identity = defineIdentity(settings.identity ?? {});
    this.#fn = fn;
    this.settings = settings;
    this.#shared = shared;
  }

  /** Makes a call. The SDK passes no arguments to a tool without an `inputSchema`. */
  async call(given: readonly unknown[]): Promise<unknown> {
    const extra = given[given.length - 1] as CallExtra;
    if (typeof extra?.signal?.aborted !== 'boolean') {
      fail(
        TypeError,
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot run the tool ${quote(this.#name)}: its last argument is ${nameOf(extra)}, wanted the extra of the SDK`,
      );
    }
    // A client may leave the arguments out.
    const args = given.length > 1 ? [given[0] ?? {}] : [];
    const identity = this.#identify(args[0] ?? {}, extra);
    if (identity === undefined) return this.#fn(...args, extra);
    if (!('key' in identity)) return identity;
    return this.#shared.waiting.during(identity.key, extra, () =>
      this.#once(identity, args, extra),
    );
  }

  /** Returns the key of a call, `undefined` for one that has none, or why it is refused. */
  #identify(args: unknown, extra: CallExtra): CallIdentity | ToolResult | undefined {
    const { metaName } = this.#shared;
    const sentKey = metaOf(extra, metaName);
    if (sentKey === undefined && !this.settings.deriveKey) return undefined;
    const fault = sentKey === undefined ? undefined : faultOf(sentKey);
    if (fault !== undefined) {
      return refusal(
        'SAMEKEY_BAD_KEY',
        `Cannot use the key in _meta[${quote(metaName)}]: ${fault}, wanted 1 to ${MAX_KEY_CHARACTERS} visible ASCII characters`,
      );
    }
    const scope = this.#shared.scopeOf(this.#name, extra);
    let fingerprint: string;
    try {
      fingerprint = keyOf(args, this.#identity);
    } catch (error) {
      return notComparable(error);
    }
    const key =
      sentKey === undefined
        ? scoped([...scope, 'derived'], fingerprint)
        : scoped([...scope, 'sent'], sentKey as string);
    return { key, fingerprint };
  }

  async #once(
    { key, fingerprint }: CallIdentity,
    args: readonly unknown[],
    extra: CallExtra,
  ): Promise<unknown> {
    const { once } = this.#shared;
    const { ttlMs } = this.settings;
    const traceparent = metaOf(extra, 'traceparent');
    let hasRun = false;
    const mark = (result: unknown, outcome: string = hasRun ? 'executed' : 'joined') =>
      typeof result === 'object' && result !== null
        ? {
            ...result,
            _meta: { ...(result as ToolResult)._meta, samekey: outcome, 'samekey-key': key },
          }
        : result;
    try {
      const { value, outcome } = await once.detailed(
        key,
        (context) => {
          hasRun = true;
          return this.#run(context, args, extra);
        },
        {
          signal: extra.signal,
          fingerprint,
          ...(typeof traceparent === 'string' && { traceparent }),
          ...(ttlMs !== undefined && { ttlMs }),
        },
      );
      return mark(value, outcome);
    } catch (error) {
      if (error instanceof ToolError) return mark(error.result);
      if (!(error instanceof OnceError) || error.key !== key) throw error;
      // The tool has run: an error would make the model call it again.
      if (error instanceof UnstorableResultError) return mark(error.value);
      const detail = detailOf(error.code);
      if (detail === undefined) throw error;
      return refusal(error.code, detail);
    }
  }

  async #run({ signal, key }: OnceContext, args: readonly unknown[], extra: CallExtra) {
    const result = await this.#fn(...args, {
      ...extra,
      // The run belongs to all of its callers, so the cancellation of one does not end it.
      signal,
      _meta: { ...extra._meta, 'samekey-key': key },
      sendNotification: this.#shared.waiting.senderOf(key, extra),
    });
    const isStored =
      typeof result === 'object' &&
      result !== null &&
      ask(this.settings.storeResults, result as ToolResult, false);
    if (!isStored) throw new ToolError(this.#name, result as ToolResult);
    return result;
  }
}

const faultOf = (sentKey: unknown): string | undefined =>
  typeof sentKey === 'string' ? faultOfChosenKey(sentKey) : `it is ${nameOf(sentKey)}`;

/** The result of a call whose arguments have no key, such as those without any that `include` names. */
function notComparable(error: unknown): ToolResult {
  const { code, message } = error as SamekeyError;
  if (typeof code !== 'string' || !code.startsWith('SAMEKEY_')) throw error;
  return refusal(code, message);
}

/** `annotations` are those of the handler's entry in `tools/list`. */
const wrap = (tool: Tool) =>
  Object.assign((...given: readonly unknown[]) => tool.call(given), {
    annotations: { idempotentHint: tool.settings.deriveKey },
  });

interface ToolConfig {
  readonly annotations?: object | undefined;
}

interface ToolUpdates extends ToolConfig {
  readonly callback?: AnyHandler | undefined;
}

interface RegisteredTool {
  update?(updates: ToolUpdates): void;
}

function registrar(
  server: ToolServer,
  options: IdempotentToolOptions | undefined,
  handler: (name: string, fn: AnyHandler, given?: IdempotentToolOptions) => ReturnType<typeof wrap>,
) {
  if (typeof server?.registerTool !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot register tools on ${nameOf(server)}: it has no registerTool(), wanted an McpServer; for a Server use handler()`,
    );
  }
  return (name: string, config: ToolConfig, fn: AnyHandler): unknown => {
    const once = handler(name, fn, options);
    const marked = <Given extends ToolConfig>(given: Given) => ({
      ...given,
      annotations: { ...once.annotations, ...given.annotations },
    });
    const tool = server.registerTool(
      name,
      marked(config) as never,
      once as never,
    ) as RegisteredTool;
    const { update } = tool;
    // A handler that replaces this one runs once, too: `idempotentHint` stays true.
    if (typeof update === 'function') {
      tool.update = ({ callback, ...updates }) =>
        update.call(tool, {
          ...(updates.annotations === undefined ? updates : marked(updates)),
          ...(callback !== undefined && { callback: handler(name, callback, options) }),
        });
    }
    return tool;
  };
}
