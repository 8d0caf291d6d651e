import type { UsageNames } from '../providers/provider.js';
import { usageNames } from '../providers/registry.js';

/** The tokens of one answer, as its provider counted them. */
export interface Usage {
  /** All tokens of the request, including those in the provider's cache. */
  readonly inputTokens: number;
  /** The input tokens that the provider read from its cache. */
  readonly cachedInputTokens: number;
  /** The input tokens that the provider wrote to its cache, if it counts them. */
  readonly cacheWriteTokens: number;
  /** All tokens of the answer, including reasoning. */
  readonly outputTokens: number;
  /** The model that the answer names. */
  readonly model: string | undefined;
}

/** The counts seen so far. A stream reports them in several events, and later numbers replace earlier ones. */
export interface Counts {
  /** All tokens of the request … */
  input?: number | undefined;
  /** … or only those that the cache has no part in. */
  uncached?: number | undefined;
  cacheRead?: number | undefined;
  cacheWrite?: number | undefined;
  output?: number | undefined;
  model?: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

type AllNames = { readonly [Kind in keyof UsageNames]-?: NonNullable<UsageNames[Kind]> };

/** Returns the names that any provider uses, by kind. */
function allNames(providers: readonly UsageNames[]): AllNames {
  const all: Record<string, Set<unknown>> = {};
  for (const [kind, names] of providers.flatMap(Object.entries)) {
    all[kind] = new Set([...(all[kind] ?? []), ...names]);
  }
  return Object.fromEntries(
    Object.entries(all).map(([kind, names]) => [kind, [...names]]),
  ) as unknown as AllNames;
}

const NAMES = /* @__PURE__ */ allNames(usageNames);

/**
 * Returns the usage in an answer, or `undefined` if it contains no known usage.
 *
 * An answer is a parsed body or event of OpenAI (Chat Completions, Responses, embeddings), Anthropic,
 * Gemini or Bedrock, a result of the AI SDK, a list of such events, or a usage object alone.
 *
 * @example
 * const { inputTokens, outputTokens } = usageIn({ usage: { prompt_tokens: 9, completion_tokens: 12 } });
 * [inputTokens, outputTokens]; // [9, 12]
 */
export function usageIn(answer: unknown): Usage | undefined {
  const counts: Counts = {};
  for (const each of Array.isArray(answer) ? answer : [answer]) addCounts(counts, each);
  const usage = toUsage(counts);
  if (usage !== undefined || !isObject(answer)) return usage;
  return toUsage({ ...countsIn(answer), model: counts.model });
}

/** Adds the counts of one body or event. */
export function addCounts(counts: Counts, answer: unknown): void {
  if (!isObject(answer)) return;
  // The AI SDK keeps the usage of a streamed step in `metadata`.
  const { metadata } = answer;
  for (const each of [metadata, answer, ...NAMES.envelopes.map((name) => answer[name])]) {
    if (!isObject(each)) continue;
    for (const name of NAMES.usageMembers) {
      const usage = each[name];
      if (isObject(usage)) assignKnown(counts, countsIn(usage));
    }
    // An application may write its own metadata, so its model does not count.
    const model =
      each === metadata ? undefined : NAMES.modelMembers.map((name) => each[name]).find(isName);
    if (model !== undefined) counts.model = model;
  }
}

/** Returns the usage once all events have been added. */
export function toUsage({
  input,
  uncached,
  cacheRead = 0,
  cacheWrite = 0,
  output,
  model,
}: Counts): Usage | undefined {
  if (input === undefined && uncached === undefined && output === undefined) return undefined;
  const inputTokens = input ?? (uncached ?? 0) + cacheRead + cacheWrite;
  const cachedInputTokens = Math.min(cacheRead, inputTokens);
  return {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: Math.min(cacheWrite, inputTokens - cachedInputTokens),
    outputTokens: output ?? 0,
    model,
  };
}

function countsIn(usage: Members): Counts {
  // AI SDK 6 and 7 nest the counts.
  if (isObject(usage.inputTokens) || isObject(usage.outputTokens)) {
    const input = isObject(usage.inputTokens) ? usage.inputTokens : {};
    const output = isObject(usage.outputTokens) ? usage.outputTokens : {};
    return {
      input: toCount(input.total),
      uncached: toCount(input.noCache),
      cacheRead: toCount(input.cacheRead),
      cacheWrite: toCount(input.cacheWrite),
      output: toCount(output.total),
    };
  }
  const details = NAMES.details.map((name) => usage[name]).find(isObject) ?? {};
  const hasDetails = NAMES.details.some((name) => isObject(usage[name]));
  const inputOrUncached = firstCount(usage, NAMES.inputOrUncached);
  // AI SDK 5 passes the counts of Anthropic on, whose input leaves the cache out.
  const isTotal =
    hasDetails ||
    NAMES.cacheReadOfTotal.some(
      (name) => usage[name] !== undefined && (toCount(usage[name]) ?? 0) <= (inputOrUncached ?? 0),
    );
  return {
    input: firstSum(usage, NAMES.input) ?? (isTotal ? inputOrUncached : undefined),
    uncached: isTotal ? undefined : (inputOrUncached ?? firstCount(usage, NAMES.uncached)),
    cacheRead:
      firstCount(details, NAMES.cacheReadInDetails) ??
      firstCount(usage, NAMES.cacheRead) ??
      firstCount(usage, NAMES.cacheReadOfTotal),
    cacheWrite:
      firstCount(details, NAMES.cacheWriteInDetails) ?? firstCount(usage, NAMES.cacheWrite),
    output: firstSum(usage, NAMES.output),
  };
}

function assignKnown(counts: Counts, update: Counts): void {
  for (const name of ['input', 'uncached', 'cacheRead', 'cacheWrite', 'output'] as const) {
    if (update[name] !== undefined) counts[name] = update[name];
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Returns a number of tokens, or `undefined` for any other value. */
function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function firstCount(members: Members, names: readonly string[]): number | undefined {
  for (const name of names) {
    const count = toCount(members[name]);
    if (count !== undefined) return count;
  }
  return undefined;
}

/** Returns the sum of the first list of names that has at least one count in the usage. */
function firstSum(usage: Members, lists: readonly (readonly string[])[]): number | undefined {
  for (const names of lists) {
    const counts = names.map((name) => toCount(usage[name])).filter((count) => count !== undefined);
    if (counts.length > 0) return counts.reduce((sum, count) => sum + count, 0);
  }
  return undefined;
}
