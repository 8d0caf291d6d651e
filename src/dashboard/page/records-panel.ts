import { announce, byId } from '../../page/element.js';
import { byteSize } from '../../text/byte-size.js';
import { counted, grouped } from '../../text/counted.js';
import type { RecordPage, RecordRow } from '../messages.js';
import { sinceText, untilText } from './figures.js';
import { KeyTable } from './key-table.js';
import type { LiveState } from './live-state.js';
import { fetchRecords } from './server-api.js';
import { timeText } from './server-clock.js';
import { setText } from './text-change.js';

const ROWS = 50;

/** The records of the store, a page at a time, by key or its beginning and by state. */
export class RecordsPanel {
  readonly #table: KeyTable<RecordRow>;
  readonly #state: LiveState;
  readonly #form = byId<HTMLFormElement>('records-form');
  readonly #search = byId<HTMLInputElement>('records-search');
  readonly #select = byId<HTMLSelectElement>('records-state');
  readonly #previous = byId<HTMLButtonElement>('records-previous');
  readonly #next = byId<HTMLButtonElement>('records-next');
  readonly #fault = byId('records-fault');
  /** `after` of each page up to the one that is shown. */
  #pages: (string | undefined)[] = [undefined];
  #page: RecordPage | undefined;
  #request: AbortController | undefined;
  #turning = Promise.resolve();

  constructor(state: LiveState, onOpen: (key: string) => void) {
    this.#state = state;
    this.#table = new KeyTable({
      caption: 'Records in the order of their keys',
      empty: 'No record matches.',
      nowMs: () => state.clock.nowMs(),
      onOpen,
      columns: [
        { title: 'State', name: 'state', text: ({ state }) => state, state: ({ state }) => state },
        {
          title: 'Age',
          name: 'age',
          text: (row, now) => sinceText(row.finishedAtMs ?? row.claimedAtMs, now),
        },
        {
          title: 'Size',
          name: 'size',
          text: ({ payloadBytes }) => (payloadBytes === undefined ? '–' : byteSize(payloadBytes)),
        },
        {
          title: 'Expires in',
          name: 'expires',
          text: (row, now) => untilText(row.expiresAtMs, now),
        },
        { title: 'Attempt', name: 'attempt', text: ({ attempt }) => String(attempt) },
      ],
    });
    byId('records-table').append(this.#table.root);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.search();
    });
    this.#select.addEventListener('change', () => this.search());
    this.#next.addEventListener('click', () => {
      const after = () => this.#page?.next;
      this.#turn(() => (after() === undefined ? undefined : [...this.#pages, after()]));
    });
    this.#previous.addEventListener('click', () => {
      this.#turn(() => (this.#pages.length > 1 ? this.#pages.slice(0, -1) : undefined));
    });
  }

  /** Loads the first page of what the form asks for. */
  search(): void {
    void this.#load([undefined]);
  }

  /** Loads the page that is shown again. */
  reload(): void {
    void this.#load(this.#pages);
  }

  get isLoaded(): boolean {
    return this.#page !== undefined;
  }

  /** Updates the ages. */
  draw(): void {
    if (this.#page !== undefined) this.#table.show(this.#page.records, this.#page.records.length);
  }

  /** Loads what `pagesOf` returns, when the page before it is there: two quick clicks go two pages on. */
  #turn(pagesOf: () => (string | undefined)[] | undefined): void {
    this.#turning = this.#turning.then(() => {
      const pages = pagesOf();
      return pages === undefined ? undefined : this.#load(pages);
    });
  }

  async #load(pages: (string | undefined)[]): Promise<void> {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.#form.setAttribute('aria-busy', 'true');
    const query = {
      search: this.#search.value,
      state: this.#select.value,
      limit: ROWS,
      after: pages.at(-1),
    };
    try {
      const page = await fetchRecords(query, request.signal);
      this.#pages = pages;
      this.#page = page;
      this.#state.clock.set(page.nowMs);
      setText(this.#fault, '');
      this.draw();
      this.#drawPlace(page);
    } catch (error) {
      if (request.signal.aborted) return;
      setText(this.#fault, `${(error as Error).message}.`.replace(/\.\.$/, '.'));
    }
    this.#form.setAttribute('aria-busy', 'false');
  }

  #drawPlace({ records, next, matchCount, isWhole, nowMs }: RecordPage): void {
    const first = (this.#pages.length - 1) * ROWS + 1;
    const count = counted(matchCount, 'record');
    const all = isWhole ? count : `at least ${count}`;
    const place =
      records.length === 0
        ? 'No record matches.'
        : `${grouped(first)} to ${grouped(first + records.length - 1)} of ${all}`;
    setText(
      byId('records-place'),
      `${place}${records.length === 0 ? '' : ','} as of ${timeText(nowMs)}`,
    );
    announce(place);
    this.#previous.disabled = this.#pages.length === 1;
    this.#next.disabled = next === undefined;
  }
}
