/** The target of a request to the proxy: what it forwards stays below the upstream's path. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { targetOf, upstreamAddress } from '../../../src/proxy/request-target.js';
import { described, outcomeOf } from '../refusal.js';

export const seeds = [
  '/.\t\t.\nhost: localhost\n',
  '/v1/..%2fadmin\nhost: localhost\n',
  '/v1/chat/completions?a=1\nhost: localhost:4000\n',
  '/v1/%2e%2e/%2f..;a/b\nhost: 127.0.0.1\n',
  'http://evil.example/v1\nhost: api.openai.com\nvia: 1.1 samekey\n',
  '/a\nhost: localhost\ntransfer-encoding: Chunked\nupgrade: h2c\n',
];

const ADDRESS = { origin: 'https://upstream.example', base: '/base' };

/** The first line is the target, the others are headers, as Node.js has read them. */
export function fuzz(input: Uint8Array): void {
  const [target = '', ...lines] = Buffer.from(input).toString('latin1').split('\n');
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const headers: Record<string, string> = Object.create(null);
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    headers[(rawHeaders[i] as string).toLowerCase()] = rawHeaders[i + 1] as string;
  }
  const request = { url: target, rawHeaders, headers } as unknown as IncomingMessage;
  const outcome = outcomeOf(() =>
    targetOf(request, ADDRESS, { isLoopback: true, pseudonym: 'samekey' }),
  );
  if ('value' in outcome) {
    const { path, url } = outcome.value;
    const resolved = new URL(url);
    assert.equal(resolved.origin, ADDRESS.origin);
    assert.ok(resolved.pathname.startsWith('/base/'), resolved.pathname);
    assert.equal(path, ADDRESS.base + target);
    // Also for a server that decodes a path first.
    assert.doesNotMatch(decoded(path), /(?:^|[/\\])\.\.?(?:[/\\?#;]|$)/);
  }
  try {
    const { origin, base } = upstreamAddress(target);
    assert.match(origin, /^https?:\/\//);
    assert.doesNotMatch(base, /\/$/);
  } catch (error) {
    assert.equal(described(error).code, 'SAMEKEY_BAD_ARGUMENT');
  }
}

const decoded = (path: string) =>
  (path.split('?', 1)[0] as string).replace(/%(2e|2f|5c|3b)/gi, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
