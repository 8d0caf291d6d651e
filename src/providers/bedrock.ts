/** Amazon Bedrock. Sources: docs.aws.amazon.com/bedrock. */
import { decoder } from '../engine/utf8.js';
import type { AnswerRules, Members, StateRule, UsageNames } from './provider.js';

/** Latency settings, the service tier, and a token that is an idempotency key itself. */
export const bedrockExclude = [
  '$.performanceConfig',
  '$.serviceTier',
  '$.clientRequestToken',
] as const;

/** Parts of a signature, which is new in each attempt. */
export const bedrockVolatileHeaders = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
] as const;
/** The SDK numbers its attempts in these headers. */
export const bedrockVolatilePrefixes = ['amz-sdk-'] as const;

const SIGV4 = /^AWS4-\S+ .*?Credential=([^/,\s]+)/;

/**
 * Returns the access key in an `authorization` header of AWS Signature Version 4. The rest of the
 * header is a signature, which differs between two attempts at the same request.
 */
export const accessKeyOf = (authorization: string): string | undefined =>
  SIGV4.exec(authorization)?.[1];

/** The error codes of the user guide, and of InvokeModel in the API reference. */
export const bedrockRetries = {
  statuses: [408, 425, 429, '5xx'],
  codes: [
    'ThrottlingException',
    'ModelNotReadyException',
    'ModelTimeoutException',
    'ServiceUnavailableException',
    'InternalServerException',
    'InternalFailure',
  ],
  // A model that failed on a request fails on it again.
  finalCodes: ['ServiceQuotaExceededException', 'ModelErrorException'],
} as const;

/** The member that InvokeModelWithResponseStream adds to its last event, for models of all providers. */
const METRICS = 'amazon-bedrock-invocationMetrics';

/** Whether a message ends a stream of InvokeModel, whatever model's API it is of. */
export const hasInvocationMetrics = (json: Members): boolean => METRICS in json;

/** Converse, and the metrics that InvokeModel adds to the last event of a stream. */
export const bedrockUsage: UsageNames = {
  usageMembers: ['usage', METRICS],
  inputOrUncached: ['inputTokens'],
  uncached: ['inputTokenCount'],
  cacheRead: ['cacheReadInputTokens', 'cacheReadInputTokenCount'],
  cacheWrite: ['cacheWriteInputTokens', 'cacheWriteInputTokenCount'],
  output: [['outputTokens'], ['outputTokenCount']],
};

/**
 * API_runtime_ConverseStream and API_runtime_InvokeModelWithResponseStream. Exceptions are frames of
 * their own, which are read as events named `error`. The models of Anthropic end as Anthropic's API does.
 */
export const bedrockAnswers: AnswerRules = {
  // The chunks of InvokeAgent are text, and nothing ends them. An empty chunk keeps a connection open.
  isOwn: ({ name, json }) =>
    /^(?:messageSt(?:art|op)|contentBlock(?:Start|Delta|Stop))$/.test(name ?? '') ||
    (name === 'chunk' && Object.keys(json).length > 0),
  // Nova's chunks hold the events of Converse.
  isLast: ({ name, json }) => name === 'messageStop' || json.messageStop !== undefined,
  lastName: 'messageStop',
};

/** `/model/ID/converse`. An ID may end with a version, such as `:0`. */
export const bedrockModelPath = /\/model\/([^/:?]+(?::\d+)?)(?=[/:?]|$)/i;

/** The content type of Bedrock's streams. */
export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream';

/** The prelude of a message: its length, the length of its headers, and their checksum. */
const PRELUDE_BYTES = 12;
/** The checksum of the whole message, at its end. */
const CHECKSUM_BYTES = 4;

/**
 * Yields the payloads of the messages of an `application/vnd.amazon.eventstream`. A message is a
 * prelude, headers, the payload and a checksum. The checksums are not verified: the client that used
 * the answer did that. Stops at the first bytes that are not a message.
 */
export function* eventPayloads(stream: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  for (let start = 0; start + PRELUDE_BYTES + CHECKSUM_BYTES <= stream.length; ) {
    const messageBytes = view.getUint32(start);
    const payloadStart = start + PRELUDE_BYTES + view.getUint32(start + 4);
    const payloadEnd = start + messageBytes - CHECKSUM_BYTES;
    if (payloadEnd < payloadStart || start + messageBytes > stream.length) return;
    yield stream.subarray(payloadStart, payloadEnd);
    start += messageBytes;
  }
}

/**
 * Returns the text of an event that Bedrock wraps, in base64, in an event of its own, as it does for
 * InvokeModel. Returns `undefined` for any other event.
 */
export function wrappedEvent(event: unknown): string | undefined {
  const { bytes } = (event ?? {}) as { bytes?: unknown };
  if (typeof bytes !== 'string') return undefined;
  try {
    return decoder.decode(Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** API reference: InvokeAgent, InvokeInlineAgent, InvokeFlow, RetrieveAndGenerate, InvokeAgentRuntime, Converse. */
export const bedrockState: readonly StateRule[] = [
  { what: 'a session of an agent', path: /\/agents\/[^/]+\/agentAliases\/[^/]+\/sessions\// },
  { what: 'a session of an inline agent', path: /\/agents\/[^/]+$/, members: ['foundationModel'] },
  { what: 'a flow and its executions', path: /\/flows\/[^/]+\/aliases\/[^/]+(?:\/|$)/ },
  {
    what: 'a session with a knowledge base',
    path: /\/retrieveAndGenerate(?:Stream)?$/,
    members: ['sessionId'],
  },
  { what: 'a session of AgentCore', path: /\/runtimes\/[^/]+\/invocations$/ },
  { what: 'a stored prompt', path: /\/model\/[^/]*(?::|%3A)prompt(?:\/|%2F)/i },
];
