import { element } from '../../page/element.js';
import { grouped } from '../../text/counted.js';
import { keyParts } from './key-text.js';
import { setText } from './text-change.js';

/** More rows make a page slow. */
const ROWS_AT_ONCE = 50;

export interface Column<Row> {
  readonly title: string;
  /** The class of its cells. */
  readonly name: string;
  text(row: Row, nowMs: number): string;
  /** The state of the cell, for the stylesheet. */
  state?(row: Row, nowMs: number): string;
}

export interface KeyTableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  /** Shown without rows. */
  readonly empty: string;
  /** The clock of the server. */
  nowMs(): number;
  onOpen(key: string): void;
}

interface DrawnRow {
  readonly root: HTMLTableRowElement;
  readonly cells: readonly HTMLTableCellElement[];
  readonly texts: string[];
}

/**
 * A table with a row for each key. It keeps the elements of rows that stay, so that the focus and a
 * selection survive an update, and changes only texts that differ.
 */
export class KeyTable<Row extends { readonly key: string }> {
  readonly root = element('div', { class: 'table-box' });
  readonly #options: KeyTableOptions<Row>;
  readonly #body = element('tbody');
  readonly #empty: HTMLElement;
  readonly #pager = element('div', { class: 'pager' });
  readonly #range = element('span', { class: 'meta' });
  readonly #previous = element('button', { type: 'button' }, 'Previous');
  readonly #next = element('button', { type: 'button' }, 'Next');
  readonly #table: HTMLElement;
  readonly #scroller: HTMLElement;
  #drawn = new Map<string, DrawnRow>();
  #rows: readonly Row[] = [];
  #total = 0;
  #first = 0;

  constructor(options: KeyTableOptions<Row>) {
    this.#options = options;
    const titles = [
      element('th', { scope: 'col', class: 'key' }, 'Key'),
      ...options.columns.map(({ title, name }) =>
        element('th', { scope: 'col', class: name }, title),
      ),
    ];
    this.#empty = element('p', { class: 'empty' }, options.empty);
    this.#table = element(
      'table',
      { class: 'keys' },
      element('caption', { class: 'unseen' }, options.caption),
      element('thead', {}, element('tr', {}, ...titles)),
      this.#body,
    );
    this.#scroller = element(
      'div',
      { class: 'scroller', tabindex: '-1' },
      this.#table,
      this.#empty,
    );
    this.#pager.append(this.#range, this.#previous, this.#next);
    this.root.append(this.#scroller, this.#pager);
    this.#previous.addEventListener('click', () => this.#turn(-ROWS_AT_ONCE));
    this.#next.addEventListener('click', () => this.#turn(ROWS_AT_ONCE));
    this.#body.addEventListener('click', ({ target }) => {
      const row = (target as Element).closest<HTMLElement>('tr');
      const key = row === null ? undefined : this.#keyOf(row);
      if (key !== undefined) options.onOpen(key);
    });
  }

  /** Shows rows. `total` is how many there are; the server sends only the first ones. */
  show(rows: readonly Row[], total: number): void {
    this.#rows = rows;
    this.#total = total;
    this.#draw();
  }

  #draw(): void {
    while (this.#first > 0 && this.#first >= this.#rows.length) this.#first -= ROWS_AT_ONCE;
    const page = this.#rows.slice(this.#first, this.#first + ROWS_AT_ONCE);
    this.#empty.hidden = page.length > 0;
    this.#table.hidden = page.length === 0;
    this.#drawRows(page, this.#options.nowMs());
    this.#drawPager(page.length);
  }

  #drawRows(page: readonly Row[], nowMs: number): void {
    const focused = document.activeElement;
    const hadFocus = this.#body.contains(focused);
    const drawn = new Map<string, DrawnRow>();
    for (const row of page) {
      const each = this.#drawn.get(row.key) ?? this.#create(row.key);
      this.#fill(each, row, nowMs);
      drawn.set(row.key, each);
    }
    for (const [key, { root }] of this.#drawn) if (!drawn.has(key)) root.remove();
    let at: Element | null = this.#body.firstElementChild;
    for (const { root } of drawn.values()) {
      if (root === at) at = root.nextElementSibling;
      else this.#body.insertBefore(root, at);
    }
    this.#drawn = drawn;
    if (!hadFocus || this.#body.contains(document.activeElement)) return;
    // A row that moves loses the focus, and a row that is removed takes it along.
    const isKept = focused?.isConnected === true;
    (isKept ? (focused as HTMLElement) : this.#scroller).focus({ preventScroll: true });
  }

  #create(key: string): DrawnRow {
    const button = element('button', { type: 'button', class: 'key-button', translate: 'no' });
    button.append(...keyParts(key));
    const cells = this.#options.columns.map(({ name }) => element('td', { class: name }));
    const root = element('tr', {}, element('th', { scope: 'row', class: 'key' }, button), ...cells);
    return { root, cells, texts: [] };
  }

  #fill({ cells, texts }: DrawnRow, row: Row, nowMs: number): void {
    for (const [at, { text, state }] of this.#options.columns.entries()) {
      const cell = cells[at];
      if (cell === undefined) continue;
      const shown = text(row, nowMs);
      if (texts[at] !== shown) cell.textContent = shown;
      texts[at] = shown;
      if (state === undefined) continue;
      const value = state(row, nowMs);
      if (cell.dataset.state !== value) cell.dataset.state = value;
    }
  }

  #drawPager(shown: number): void {
    const isOnePage = this.#rows.length <= ROWS_AT_ONCE;
    this.#previous.hidden = isOnePage;
    this.#next.hidden = isOnePage;
    this.#previous.disabled = this.#first === 0;
    this.#next.disabled = this.#first + shown >= this.#rows.length;
    const last = this.#first + shown;
    const text =
      this.#total > shown
        ? `${grouped(this.#first + 1)} to ${grouped(last)} of ${grouped(this.#total)}`
        : '';
    setText(this.#range, text);
    this.#pager.hidden = text === '';
  }

  #turn(by: number): void {
    this.#first = Math.max(0, this.#first + by);
    this.#scroller.scrollTo(0, 0);
    this.#draw();
  }

  #keyOf(row: HTMLElement): string | undefined {
    for (const [key, { root }] of this.#drawn) if (root === row) return key;
    return undefined;
  }
}
