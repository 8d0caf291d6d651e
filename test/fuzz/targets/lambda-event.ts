/** Events of AWS Lambda as JSON: their request, against what the platform makes of its parts. */
import assert from 'node:assert/strict';
import {
  bodyOf,
  EventHeaders,
  type LambdaEventLike,
  targetOf,
} from '../../../src/server/lambda/event.js';
import { jsonIn } from '../chunks.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '{"httpMethod":"PUT","path":"/","requestContext":{},"queryStringParameters":{"a&b":"c=d+e f","#":"?/%"}}',
  '{"version":"2.0","rawPath":"/charges","rawQueryString":"a=1&b=2","cookies":["a=1","b=2"],"headers":{"Idempotency-Key":"k"},"requestContext":{"http":{"method":"POST"}},"body":"eyJhIjoxfQ==","isBase64Encoded":true}',
  '{"httpMethod":"POST","path":"/a","headers":{"x":"1"},"multiValueHeaders":{"x":["1","2"],"cookie":["a=1","b=2"]},"queryStringParameters":{"b":"\\ud83e\\uddf3","a":null},"multiValueQueryStringParameters":{"q":["1","2"]},"requestContext":{},"body":"{}"}',
  '{"httpMethod":"GET","path":"/a","headers":{"x":"1","X":null}}',
  '{"httpMethod":"GET","path":"/","multiValueHeaders":null,"headers":null,"requestContext":{"elb":{}},"body":null}',
];

export function fuzz(input: Uint8Array): void {
  const event = jsonIn(input) as LambdaEventLike;
  const outcome = outcomeOf(() => {
    const { method, url } = targetOf(event);
    return { method, url, headers: new EventHeaders(event), body: bodyOf(event) };
  });
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_ARGUMENT');
    return;
  }
  const { method, url, headers, body } = outcome.value;
  assert.equal(typeof method, 'string');
  assert.equal(typeof url, 'string');
  assert.ok(body instanceof Uint8Array);
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    const isMultiple = event.multiValueHeaders?.[name] !== undefined;
    if (typeof value === 'string' && !isMultiple) assert.equal(typeof headers.get(name), 'string');
  }
  // By name, the query is that of the platform.
  const { rawPath, multiValueQueryStringParameters, queryStringParameters } = event;
  if (rawPath !== undefined || multiValueQueryStringParameters) return;
  const given = Object.entries(queryStringParameters ?? {}).filter(([, value]) => value != null);
  const query = new URLSearchParams(url.slice((event.path as string).length));
  assert.deepEqual([...query].sort(), [...new URLSearchParams(given as [string, string][])].sort());
}
