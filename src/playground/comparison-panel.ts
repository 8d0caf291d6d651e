import type { Difference } from '../index.js';
import { byId, element } from '../page/element.js';
import { counted } from '../text/counted.js';
import { keyBars, keyText } from './key-text.js';

const MAX_ROWS = 100;
/** How much of a value is shown before its first difference. */
const LEAD_CHARS = 40;
const SHOWN_CHARS = 160;

/** The comparison of two requests, or the reason why there is none yet. */
export type Comparison =
  | { readonly waitsFor: string }
  | { readonly keys: readonly [string, string]; readonly differences: readonly Difference[] };

/** Shows whether two requests have the same key, and their differences. */
export function showComparison(comparison: Comparison | undefined): void {
  const verdict = byId('verdict');
  verdict.hidden = comparison === undefined;
  verdict.className = 'verdict';
  verdict.replaceChildren();
  if (comparison === undefined) return;
  if ('waitsFor' in comparison) {
    verdict.append(element('p', { class: 'meta' }, comparison.waitsFor));
    return;
  }
  const { keys, differences } = comparison;
  const isSame = differences.length === 0;
  verdict.classList.add(isSame ? 'same' : 'different');
  verdict.append(
    element('h2', {}, verdictText(comparison)),
    element('div', { class: 'pair' }, ...keys.map(keyBars)),
  );
  if (isSame) {
    verdict.append(
      element(
        'p',
        { class: 'lead' },
        'A system that uses the key treats these as the same request.',
      ),
    );
    return;
  }
  const names = ['First', 'Second'];
  const pairs = keys.map((key, i) =>
    element('div', {}, element('span', { class: 'side' }, names[i] ?? ''), keyText(key)),
  );
  const items = differences.slice(0, MAX_ROWS).map(differenceItem);
  verdict.append(
    element('div', { class: 'two-keys' }, ...pairs),
    element('h3', {}, `${counted(differences.length, 'difference')}`),
    element('ul', { class: 'differences', tabindex: '0', 'aria-label': 'Differences' }, ...items),
  );
  if (differences.length > MAX_ROWS) {
    const rest = counted(differences.length - MAX_ROWS, 'more difference');
    verdict.append(element('p', { class: 'meta' }, `And ${rest}.`));
  }
}

/** The result of the comparison in a few words. */
export function verdictText(comparison: Comparison): string {
  if ('waitsFor' in comparison) return comparison.waitsFor;
  return comparison.differences.length === 0 ? 'Same key' : 'Different keys';
}

function differenceItem({ path, a, b }: Difference): HTMLElement {
  const same = commonParts(a ?? '', b ?? '');
  const side = (name: string, value: string | undefined) =>
    element(
      'div',
      { class: 'side-value' },
      element('span', { class: 'side' }, name),
      value === undefined ? element('span', { class: 'meta' }, 'absent') : excerpt(value, same),
    );
  return element(
    'li',
    {},
    element('code', { class: 'path' }, path === '' ? 'the whole request' : path),
    side('First', a),
    side('Second', b),
  );
}

/** A value from shortly before its first difference, with the difference marked. */
function excerpt(value: string, { head, tail }: Common): HTMLElement {
  const from = head > LEAD_CHARS ? head - LEAD_CHARS : 0;
  const to = Math.min(value.length, from + SHOWN_CHARS);
  const end = Math.min(to, value.length - tail);
  return element(
    'code',
    {},
    `${from > 0 ? '…' : ''}${value.slice(from, head)}`,
    element('mark', {}, value.slice(head, end)),
    `${value.slice(end, to)}${to < value.length ? '…' : ''}`,
  );
}

/** The number of equal characters at the start and at the end of two texts. */
interface Common {
  readonly head: number;
  readonly tail: number;
}

function commonParts(a: string, b: string): Common {
  const limit = Math.min(a.length, b.length);
  let head = 0;
  while (head < limit && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < limit - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return { head, tail };
}
