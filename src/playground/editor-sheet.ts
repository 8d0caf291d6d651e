import { element } from '../page/element.js';
import type { Fault } from './request-text.js';

/** The same values as in editor.css. */
const LINE_HEIGHT = 20;
const PADDING = 12;
const TAB_COLUMNS = 2;

/** A text area with line numbers, which shows a fault at its line and column. */
export class EditorSheet {
  readonly root: HTMLElement;
  readonly area: HTMLTextAreaElement;
  readonly #gutter = element('pre', { class: 'gutter', 'aria-hidden': 'true' });
  readonly #faultLine = element('div', { class: 'fault-line', 'aria-hidden': 'true' });
  readonly #faultColumn = element('div', { class: 'fault-column', 'aria-hidden': 'true' });
  #lineCount = 1;
  #fault: { readonly line: number; readonly left: number } | undefined;

  constructor(id: string, placeholder: string) {
    this.area = element('textarea', {
      id,
      placeholder,
      wrap: 'off',
      spellcheck: 'false',
      autocapitalize: 'off',
      autocomplete: 'off',
      'aria-describedby': `${id}-fault`,
    });
    const sheet = [this.#gutter, this.#faultLine, this.#faultColumn, this.area];
    this.root = element('div', { class: 'sheet' }, ...sheet);
    this.area.addEventListener('scroll', () => this.#place());
    new ResizeObserver(() => this.#place()).observe(this.area);
  }

  get text(): string {
    return this.area.value;
  }

  set text(text: string) {
    this.area.value = text;
    this.area.scrollTo(0, 0);
    this.changed();
  }

  /** Must be called when the text has changed. It removes the fault of the old text. */
  changed(): void {
    const { value } = this.area;
    this.#lineCount = 1;
    for (let at = value.indexOf('\n'); at !== -1; at = value.indexOf('\n', at + 1)) {
      this.#lineCount++;
    }
    this.mark(undefined);
  }

  mark(fault: Fault | undefined): void {
    this.area.setAttribute('aria-invalid', String(fault !== undefined));
    const { line, column } = fault ?? {};
    this.#fault = undefined;
    if (line !== undefined && column !== undefined) {
      this.#fault = { line, left: this.#widthOf(this.#before(line, column)) };
    }
    this.#place();
  }

  /** Moves the caret to the fault. */
  goTo({ line = 1, column = 1 }: Fault): void {
    const at = this.#lineStart(line) + this.#before(line, column).length;
    this.area.focus();
    this.area.setSelectionRange(at, Math.min(at + 1, this.area.value.length));
    this.area.scrollTop = (line - 4) * LINE_HEIGHT;
    this.area.scrollLeft = Math.max(0, (this.#fault?.left ?? 0) - this.area.clientWidth / 2);
  }

  #lineStart(line: number): number {
    let start = 0;
    for (let n = 1; n < line; n++) start = this.area.value.indexOf('\n', start) + 1;
    return start;
  }

  /** Returns the text before a column. Columns count Unicode characters. */
  #before(line: number, column: number): string {
    const start = this.#lineStart(line);
    let end = start;
    for (let n = 1; n < column; n++) {
      end += (this.area.value.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    }
    return this.area.value.slice(start, end);
  }

  #widthOf(text: string): number {
    const context = document.createElement('canvas').getContext('2d');
    if (context === null) return 0;
    context.font = getComputedStyle(this.area).font;
    // So far to the right, the position need not be exact.
    return context.measureText(text.slice(-20_000).replaceAll('\t', ' '.repeat(TAB_COLUMNS))).width;
  }

  #place(): void {
    const { scrollTop, scrollLeft, clientHeight } = this.area;
    const first = Math.max(1, Math.floor((scrollTop - PADDING) / LINE_HEIGHT) + 1);
    const rowCount = Math.ceil(clientHeight / LINE_HEIGHT) + 1;
    const last = Math.min(this.#lineCount, first + rowCount);
    const numbers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    this.#gutter.textContent = numbers.join('\n');
    const top = (line: number) => PADDING + (line - 1) * LINE_HEIGHT - scrollTop;
    this.#gutter.style.transform = `translateY(${top(first)}px)`;
    for (const mark of [this.#faultLine, this.#faultColumn]) mark.hidden = !this.#fault;
    if (this.#fault === undefined) return;
    const { line, left } = this.#fault;
    this.#faultLine.style.transform = `translateY(${top(line)}px)`;
    this.#faultColumn.style.transform = `translate(${left - scrollLeft}px, ${top(line)}px)`;
    this.#faultColumn.hidden = left < scrollLeft;
  }
}
