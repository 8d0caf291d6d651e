/** Paths of an identity (RFC 9535): parsed, printed and parsed again, and slices against the standard. */
import assert from 'node:assert/strict';
import { parsePath, type Selector, type Slice, selectsElement } from '../../../src/json/path.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '$[5:1:-2][:-3:-1][-1::-3][2:-2]',
  "$.messages[*].content[0,-1]..[\"a-b\", 'c\\'d\\u00e9']",
  'request-id',
  '$..[1:5:2][::-1][-3:]["\\ud83e\\uddf3"].*',
  '$[?@.a==1]',
  'a.b',
];

export function fuzz(input: Uint8Array): void {
  // Each unit of UTF-16 is reached, also a lone surrogate.
  const text =
    input[0] === 0xff ? Buffer.from(input).toString('utf16le', 1) : Buffer.from(input).toString();
  const outcome = outcomeOf(() => parsePath(text));
  if ('error' in outcome) {
    const { code, position = -1 } = outcome.error;
    assert.equal(code, 'SAMEKEY_BAD_PATH');
    assert.ok(position >= 0 && position <= text.length, outcome.error.message);
    return;
  }
  const { segments } = outcome.value;
  const written = segments.map(
    ({ descendant, selectors }) => `${descendant ? '..' : ''}[${selectors.map(print).join(',')}]`,
  );
  assert.deepEqual(parsePath(`$${written.join('')}`).segments, segments);
  for (const selector of segments.flatMap(({ selectors }) => selectors)) {
    if (typeof selector === 'object' && 'step' in selector) expectElements(selector);
  }
}

function print(selector: Selector): string {
  if (selector === 'any') return '*';
  if ('name' in selector) return JSON.stringify(selector.name);
  return `${selector.start ?? ''}:${selector.end ?? ''}:${selector.step}`;
}

function expectElements(slice: Slice): void {
  for (const length of [0, 1, 2, 5, 9]) {
    const all = Array.from({ length }, (_, index) => index);
    const selected = all.filter((index) => selectsElement(slice, index, length));
    assert.deepEqual(
      selected,
      elements(slice, length).sort((a, b) => a - b),
    );
  }
}

/** RFC 9535 §2.3.4.2.2, as it stands there. */
function elements({ start, end, step }: Slice, length: number): number[] {
  const found: number[] = [];
  if (step === 0) return found;
  const normalize = (i: number) => (i >= 0 ? i : length + i);
  const between = (low: number, value: number, high: number) =>
    Math.min(Math.max(value, low), high);
  if (step > 0) {
    const lower = between(0, normalize(start ?? 0), length);
    const upper = between(0, normalize(end ?? length), length);
    for (let i = lower; i < upper; i += step) found.push(i);
  } else {
    const upper = between(-1, normalize(start ?? length - 1), length - 1);
    const lower = between(-1, end === undefined ? -1 : normalize(end), length - 1);
    for (let i = upper; lower < i; i += step) found.push(i);
  }
  return found;
}
