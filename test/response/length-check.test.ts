import { expect, it } from 'vitest';
import { LengthCheck } from '../../src/response/length-check.js';

it.each([
  ['the length that it says', { 'content-length': '4' }, {}, false, undefined],
  ['no length', {}, {}, false, undefined],
  ['a length that is no number', { 'content-length': '5, 5' }, {}, false, undefined],
  ['another length', { 'content-length': '5' }, {}, false, 'broken'],
  ['another length than that of no bytes', { 'content-length': '0' }, {}, false, 'broken'],
  // The length counts the coded bytes.
  [
    'another length, decoded',
    { 'content-length': '5', 'content-encoding': 'gzip' },
    {},
    false,
    undefined,
  ],
  [
    'another length, coded',
    { 'content-length': '5', 'content-encoding': 'gzip' },
    {},
    true,
    'broken',
  ],
  [
    'another length, and a hidden coding',
    { 'content-length': '5' },
    { hidesCoding: true },
    false,
    undefined,
  ],
  [
    'another length, and no hidden coding',
    { 'content-length': '5' },
    { hidesCoding: false },
    false,
    'broken',
  ],
] as const)('a body with %s', (_, headers, more, isCoded, verdict) => {
  const head = { status: 200, statusText: '', url: '', body: null };
  const check = new LengthCheck({ ...head, headers: Object.entries(headers), ...more }, isCoded);
  for (const length of [3, 0, 1]) check.see({ length });
  expect(check.end()?.verdict).toBe(verdict);
});
