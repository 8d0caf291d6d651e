/** What samekey knows of Amazon Bedrock. Sources: docs.aws.amazon.com/bedrock. */
import type { UsageNames } from './provider.js';

/** Latency settings, the service tier, and a token that is itself an idempotency key. */
export const bedrockExclude = [
  '$.performanceConfig',
  '$.serviceTier',
  '$.clientRequestToken',
] as const;

/** What a signature covers anew at each attempt, and the attempt's number. */
export const bedrockVolatileHeaders = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
] as const;
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
  // Without 408 and 424: a model that took too long or failed did work, and would do it again.
  statuses: [429, '5xx'],
  codes: [
    'ThrottlingException',
    'ModelNotReadyException',
    'ServiceUnavailableException',
    'InternalServerException',
    'InternalFailure',
  ],
  finalCodes: ['ServiceQuotaExceededException', 'ModelTimeoutException', 'ModelErrorException'],
} as const;

/** Converse, and the metrics that InvokeModel adds to the last event of a stream. */
export const bedrockUsage: UsageNames = {
  usageMembers: ['usage', 'amazon-bedrock-invocationMetrics'],
  inputOrUncached: ['inputTokens'],
  uncached: ['inputTokenCount'],
  cacheRead: ['cacheReadInputTokens', 'cacheReadInputTokenCount'],
  cacheWrite: ['cacheWriteInputTokens', 'cacheWriteInputTokenCount'],
  output: [['outputTokens'], ['outputTokenCount']],
};
