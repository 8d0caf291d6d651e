import { element } from '../page/element.js';

const DIGITS = 8;
const GROUPS_IN_LINE = 4;

/**
 * Shows a key in groups of eight digits, so that lines break between groups and keys are easy to
 * compare. The gaps are margins, so that selecting and copying gives the key without spaces.
 */
export function keyText(key: string): HTMLElement {
  const [, prefix, digits] = /^([a-z]+_)([0-9a-f]+)$/.exec(key) ?? [];
  if (prefix === undefined || digits === undefined) {
    return element('code', { class: 'key-text', translate: 'no' }, key);
  }
  const groups = Array.from({ length: digits.length / DIGITS }, (_, i) =>
    element('span', { class: 'digits' }, digits.slice(i * DIGITS, (i + 1) * DIGITS)),
  );
  const halves = [groups.slice(0, GROUPS_IN_LINE), groups.slice(GROUPS_IN_LINE)];
  return element(
    'code',
    { class: 'key-text prefixed', translate: 'no' },
    element('span', { class: 'prefix' }, prefix),
    ...halves
      .filter(({ length }) => length > 0)
      .map((half) => element('span', { class: 'half' }, ...half)),
  );
}

/** Shows a key as a row of bars, one per hexadecimal digit, to compare keys at a glance. */
export function keyBars(key: string): HTMLElement {
  const bars = element('div', { class: 'bars', 'aria-hidden': 'true' });
  for (const digit of key.replace(/^[a-z]+_/, '')) {
    const bar = element('i');
    bar.style.setProperty('--height', String((Number.parseInt(digit, 16) + 1) / 16));
    bars.append(bar);
  }
  return bars;
}
