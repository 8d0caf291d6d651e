import type { RetryRules } from './options.js';

/**
 * What a provider says when it is worth trying again, and when it is not though the status looks like
 * it: money that ran out is not there after a second either.
 *
 * Sources: docs.claude.com/en/api/errors; platform.openai.com/docs/guides/error-codes; the error
 * codes of Amazon Bedrock's user guide and of InvokeModel in its API reference;
 * ai.google.dev/gemini-api/docs/troubleshooting and google.rpc.Code.
 */
export const retryPolicies = {
  anthropic: {
    // 529 is overloaded_error; 409 a conflict with another request that is over soon.
    statuses: [408, 409, 429, '5xx'],
    codes: ['rate_limit_error', 'overloaded_error', 'api_error', 'timeout_error'],
    // A 429 of the type rate_limit_error like all others, but until the first of the next month.
    finalCodes: ['enforced_spend_limit_reached', 'billing_error'],
  },
  openai: {
    statuses: [408, 409, 429, '5xx'],
    codes: ['rate_limit_exceeded', 'server_error'],
    // The type is insufficient_quota for all of them, or has been; the code says which it is.
    finalCodes: [
      'insufficient_quota',
      'billing_hard_limit_reached',
      'billing_not_active',
      'credit_balance_exhausted',
      'organization_spend_limit_exceeded',
      'project_spend_limit_exceeded',
      'organization_usage_limit_exceeded',
    ],
  },
  bedrock: {
    // Not 408 and 424: a model that took too long or failed did work, and does the same again.
    statuses: [429, '5xx'],
    codes: [
      'ThrottlingException',
      'ModelNotReadyException',
      'ServiceUnavailableException',
      'InternalServerException',
      'InternalFailure',
    ],
    finalCodes: ['ServiceQuotaExceededException', 'ModelTimeoutException', 'ModelErrorException'],
  },
  gemini: {
    statuses: [408, 429, '5xx'],
    codes: ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'],
    // The ids of daily quotas have it in their middle: GenerateRequestsPerDayPerProjectPerModel.
    finalCodes: ['quota_exceeded', /PerDay/],
  },
} as const satisfies Record<string, RetryRules>;
