import { describe, expect, it } from 'vitest';
import { linesOf } from './run-example.js';

/** On Node 20 the AWS SDK says that its next major version needs a later Node. */
const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

describe('examples of AWS Lambda', { timeout: 120_000 }, () => {
  it('lambda/http.mjs: a request sent three times is billed once', async () => {
    expect(await linesOf('lambda/http')).toEqual([
      'without samekey: billed 60 EUR, the client was told of charge 2, 3',
      'with samekey: billed 20 EUR, the client was told of charge 1',
    ]);
  });

  it('lambda/orders.mjs: each order billed once', async () => {
    expect(await linesOf('lambda/orders', QUIET)).toEqual([
      'The queue delivers an event twice, worded differently:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
      'The time is over during the charge, and Lambda calls again:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
    ]);
  });
});
