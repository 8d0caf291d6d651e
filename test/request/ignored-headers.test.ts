import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countedHeaders } from '../../src/request/counted-headers.js';
import { ignoredHeaders } from '../../src/request/ignored-headers.js';

const counted = (...names: string[]) =>
  Object.keys(countedHeaders(new Headers(names.map((name) => [name, '1'])), new Set()));

describe('headers that do not count', () => {
  it('are those of docs/headers.md', () => {
    const page = readFileSync(new URL('../../docs/headers.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    const documented = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    expect([...documented].sort()).toEqual([...ignoredHeaders].sort());
    for (const row of rows) expect(row.split('|')[2]?.trim()).toMatch(/\w{3}/);
  });

  it('are left out by name and by prefix', () => {
    for (const name of ignoredHeaders) {
      expect(counted(name.replace('*', 'anything')), name).toEqual([]);
    }
  });

  it('are lower-case names of headers', () => {
    for (const name of ignoredHeaders) expect(name).toMatch(/^[a-z0-9_-]+\*?$/);
    expect(new Set(ignoredHeaders).size).toBe(ignoredHeaders.length);
  });
});

describe('headers that count', () => {
  it.each([
    [
      'versions and features',
      ['anthropic-version', 'anthropic-beta', 'openai-beta', 'stripe-version'],
    ],
    [
      'tenants and projects',
      ['openai-organization', 'openai-project', 'x-goog-user-project', 'x-tenant'],
    ],
    [
      'users',
      ['x-forwarded-user', 'x-goog-iap-jwt-assertion', 'cf-access-client-id', 'x-amzn-oidc-data'],
    ],
    ['hosts', ['x-forwarded-host', 'origin']],
    [
      'options of gateways',
      [
        'cf-aig-cache-key',
        'helicone-cache-enabled',
        'x-portkey-config',
        'x-vercel-protection-bypass',
      ],
    ],
    [
      'options of a model',
      ['x-amzn-bedrock-trace', 'x-amzn-bedrock-guardrailidentifier', 'prefer', 'accept'],
    ],
    [
      'data',
      ['x-dynatrace-attr', 'x-transaction-id', 'x-client-id', 'content-encoding', 'x-attempt'],
    ],
  ])('%s', (_, names) => {
    expect(counted(...names)).toEqual([...names].sort());
  });
});
