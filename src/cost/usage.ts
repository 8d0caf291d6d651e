/** The tokens of one answer, as its provider counted them. */
export interface Usage {
  /** All tokens of the request, whether they were in the provider's cache or not. */
  readonly inputTokens: number;
  /** Those of them that were read from the provider's cache. */
  readonly cachedInputTokens: number;
  /** Those of them that were written to it, where that is counted. */
  readonly cacheWriteTokens: number;
  /** All tokens of the answer, reasoning included. */
  readonly outputTokens: number;
  /** Who answered, as the answer names it. */
  readonly model: string | undefined;
}

/** What is known so far: a stream tells it bit by bit, and later numbers replace earlier ones. */
export interface Counts {
  /** All of the request's tokens … */
  input?: number | undefined;
  /** … or those that were neither read from the cache nor written to it. */
  uncached?: number | undefined;
  cacheRead?: number | undefined;
  cacheWrite?: number | undefined;
  output?: number | undefined;
  model?: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Returns the usage that an answer carries; `undefined` if it has none that is known.
 *
 * The answer is a parsed body or event of OpenAI (Chat Completions, Responses, embeddings), Anthropic,
 * Gemini or Bedrock, a result of the AI SDK, a list of such events, or a usage by itself.
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

/** Adds what one body or event tells. */
export function addCounts(counts: Counts, answer: unknown): void {
  if (!isObject(answer)) return;
  // An Anthropic stream begins with a `message`, one of OpenAI's Responses ends with a `response`,
  // which is also where the AI SDK keeps what it knows of an answer.
  const { message, response, metadata, x_groq } = answer;
  for (const each of [metadata, answer, message, response, x_groq]) {
    if (!isObject(each)) continue;
    for (const usage of [
      each.usage,
      each.usageMetadata,
      each['amazon-bedrock-invocationMetrics'],
    ]) {
      if (isObject(usage)) assignKnown(counts, countsIn(usage));
    }
    // Metadata may be their writer's own: what the answer itself says counts more.
    const model = each === metadata ? undefined : modelIn(each);
    if (model !== undefined) counts.model = model;
  }
}

const modelIn = ({ model, modelVersion, modelId }: Members): string | undefined =>
  [model, modelVersion, modelId].find(isName);

/** What was counted, once all has been seen. */
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

/** The counts in a usage. Names are those of one provider or API each, and never mean two things. */
function countsIn(usage: Members): Counts {
  // AI SDK 6 and 7.
  if (isObject(usage.inputTokens) || isObject(usage.outputTokens)) {
    const input = isObject(usage.inputTokens) ? usage.inputTokens : {};
    const output = isObject(usage.outputTokens) ? usage.outputTokens : {};
    return {
      input: count(input.total),
      uncached: count(input.noCache),
      cacheRead: count(input.cacheRead),
      cacheWrite: count(input.cacheWrite),
      output: count(output.total),
    };
  }
  const details = [
    usage.prompt_tokens_details,
    usage.input_tokens_details,
    usage.inputTokenDetails,
  ].find(isObject);
  // OpenAI's Responses and what the AI SDK gives its users: cached tokens are among the others.
  const isTotal = details !== undefined || usage.cachedInputTokens !== undefined;
  const own = count(usage.input_tokens) ?? count(usage.inputTokens);
  return {
    // OpenAI's Chat Completions and embeddings; Gemini, where the results of tools are counted apart.
    input:
      count(usage.prompt_tokens) ??
      sum(usage.promptTokenCount, usage.toolUsePromptTokenCount) ??
      (isTotal ? own : undefined),
    // Anthropic and Bedrock: they are not.
    uncached: isTotal ? undefined : (own ?? count(usage.inputTokenCount)),
    cacheRead:
      count(details?.cached_tokens) ??
      count(details?.cacheReadTokens) ??
      count(usage.cache_read_input_tokens) ??
      count(usage.cachedContentTokenCount) ??
      count(usage.cacheReadInputTokens) ??
      count(usage.cacheReadInputTokenCount) ??
      count(usage.cachedInputTokens) ??
      // DeepSeek, otherwise as OpenAI.
      count(usage.prompt_cache_hit_tokens),
    cacheWrite:
      count(details?.cacheWriteTokens) ??
      count(usage.cache_creation_input_tokens) ??
      count(usage.cacheWriteInputTokens) ??
      count(usage.cacheWriteInputTokenCount),
    output:
      count(usage.completion_tokens) ??
      count(usage.output_tokens) ??
      sum(usage.candidatesTokenCount, usage.thoughtsTokenCount) ??
      count(usage.outputTokens) ??
      count(usage.outputTokenCount),
  };
}

function assignKnown(counts: Counts, more: Counts): void {
  for (const name of ['input', 'uncached', 'cacheRead', 'cacheWrite', 'output'] as const) {
    if (more[name] !== undefined) counts[name] = more[name];
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** A number of tokens. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function sum(a: unknown, b: unknown): number | undefined {
  const [first, second] = [count(a), count(b)];
  return first === undefined && second === undefined ? undefined : (first ?? 0) + (second ?? 0);
}
