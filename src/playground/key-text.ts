import { element } from './element.js';

const GROUP = 8;

/**
 * A key in groups of eight digits, so that it breaks between them and two of them can be told
 * apart. The gaps are margins: what is selected and copied is the key alone.
 */
export function keyText(key: string): HTMLElement {
  const [, prefix = '', rest = key] = /^([a-z]+_)(.*)$/.exec(key) ?? [];
  const groups = rest.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? [];
  return element(
    'code',
    { class: 'key-text', translate: 'no' },
    ...(prefix === '' ? [] : [element('span', { class: 'prefix' }, prefix)]),
    ...groups.map((digits) => element('span', {}, digits)),
  );
}

/** A key as a row of bars, one for each hexadecimal digit: equal keys look equal from afar. */
export function keyBars(key: string): HTMLElement {
  const bars = element('div', { class: 'bars', 'aria-hidden': 'true' });
  for (const digit of key.replace(/^[a-z]+_/, '')) {
    const bar = element('i');
    bar.style.setProperty('--height', String((Number.parseInt(digit, 16) + 1) / 16));
    bars.append(bar);
  }
  return bars;
}
