import type { Explanation } from '../index.js';
import { copyButton } from '../page/copy-button.js';
import { byId, chosen, element } from '../page/element.js';
import { byteSize } from '../text/byte-size.js';
import { counted } from '../text/counted.js';
import { canonicalRows, type Row } from './canonical-rows.js';

/** How many rows to draw at once. A browser takes a second to lay out ten thousand. */
const ROWS_AT_ONCE = 600;
const TEXT_CHARS = 20_000;

interface Shown {
  readonly value: unknown;
  readonly explanation: Explanation;
}

/** Shows the canonical form: its structure, or the text that is hashed. */
export class CanonicalPanel {
  #shown: Shown | undefined;

  /** Calls `onView` when the user chooses the other view. */
  constructor(onView: () => void) {
    for (const button of document.querySelectorAll('input[name="view"]')) {
      button.addEventListener('change', () => {
        this.#draw();
        onView();
      });
    }
  }

  show(shown: Shown | undefined): void {
    this.#shown = shown;
    byId('canonical').hidden = shown === undefined;
    const { canonical = '', excluded = [], referenced = [] } = shown?.explanation ?? {};
    const parts = [
      byteSize(new Blob([canonical]).size),
      ...(excluded.length > 0 ? [`${counted(excluded.length, 'part')} excluded`] : []),
      ...(referenced.length > 0 ? [`${referenced.length} as a digest`] : []),
    ];
    byId('canonical-meta').textContent = shown === undefined ? '' : parts.join(' · ');
    byId('canonical-copy').replaceChildren(
      ...(shown === undefined ? [] : [copyButton('the canonical form', canonical)]),
    );
    this.#draw();
  }

  #draw(): void {
    const body = byId('canonical-body');
    body.replaceChildren();
    if (this.#shown === undefined) return;
    const { value, explanation } = this.#shown;
    const sheet = element('div', {
      class: 'rows',
      role: 'region',
      'aria-label': 'Canonical form',
      tabindex: '0',
    });
    body.append(sheet);
    if (chosen('view') === 'text') {
      const { canonical } = explanation;
      const rest = canonical.length - TEXT_CHARS;
      const more = rest > 0 ? ` … and ${rest.toLocaleString('en-US')} more characters` : '';
      sheet.classList.add('as-text');
      sheet.textContent = canonical.slice(0, TEXT_CHARS) + more;
      return;
    }
    drawMore(sheet, canonicalRows(value, explanation));
  }
}

function drawMore(sheet: HTMLElement, rows: Generator<Row>): void {
  const lines: HTMLElement[] = [];
  let next = rows.next();
  while (!next.done && lines.length < ROWS_AT_ONCE) {
    lines.push(line(next.value));
    next = rows.next();
  }
  sheet.append(...lines);
  if (next.done) return;
  const first = next.value;
  const more = element('button', { type: 'button', class: 'more' }, 'Show more');
  more.addEventListener('click', () => {
    // The place of the reader stays: the next button is hundreds of rows below.
    if (document.activeElement === more) sheet.focus({ preventScroll: true });
    more.remove();
    sheet.append(line(first));
    drawMore(sheet, rows);
  });
  sheet.append(more);
}

function line({ depth, name, text, kind, comma, isExcluded, reason, replaced }: Row): HTMLElement {
  const content: (Node | string)[] = [];
  if (name !== undefined) content.push(element('span', { class: 'name' }, name), ': ');
  const old = replaced === undefined ? [] : [element('del', {}, replaced), ' '];
  content.push(...old, element(replaced === undefined ? 'span' : 'ins', { class: kind }, text));
  const whole = isExcluded ? [element('del', {}, ...content)] : content;
  const row = element('div', { class: isExcluded ? 'row out' : 'row' }, ...whole, comma ? ',' : '');
  if (reason !== undefined) row.append(' ', element('span', { class: 'why' }, reason));
  row.style.setProperty('--depth', String(depth));
  return row;
}
