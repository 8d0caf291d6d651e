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

/** A page of the records that match. */
interface Place {
  readonly search: string;
  /** Empty for all. */
  readonly state: string;
  /** `after` of each page up to this one. */
  readonly pages: readonly (string | undefined)[];
}

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
  /** The search that is shown. The form may have another text by now. */
  #shown: Place = { search: '', state: '', pages: [undefined] };
  /** The place that is loading, or the one that is shown. */
  #wanted = this.#shown;
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
      this.#turn(({ pages }) => (after() === undefined ? [] : [...pages, after()]));
    });
    this.#previous.addEventListener('click', () => this.#turn(({ pages }) => pages.slice(0, -1)));
  }

  /** Loads the first page of what the form asks for. */
  search(): void {
    const [search, state] = [this.#search.value, this.#select.value];
    this.#turning = this.#load({ search, state, pages: [undefined] });
  }

  /** Loads the page again that is shown, or that will be. */
  reload(): void {
    void this.#load(this.#wanted);
  }

  get isLoaded(): boolean {
    return this.#page !== undefined;
  }

  /** Updates the ages. */
  draw(): void {
    if (this.#page !== undefined) this.#table.show(this.#page.records, this.#page.records.length);
  }

  /**
   * Loads the pages that `pagesFrom` returns, if any, when the page before them is there: two quick clicks go
   * two pages on.
   */
  #turn(pagesFrom: (shown: Place) => Place['pages']): void {
    this.#turning = this.#turning.then(() => {
      // A search began while the click waited.
      if (this.#wanted !== this.#shown) return;
      const pages = pagesFrom(this.#shown);
      return pages.length === 0 ? undefined : this.#load({ ...this.#shown, pages });
    });
  }

  async #load(place: Place): Promise<void> {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.#form.setAttribute('aria-busy', 'true');
    this.#wanted = place;
    const { search, state, pages } = place;
    const query = { search, state, limit: ROWS, after: pages.at(-1) };
    try {
      const page = await fetchRecords(query, request.signal);
      this.#shown = place;
      this.#page = page;
      this.#state.clock.set(page.nowMs);
      setText(this.#fault, '');
      this.draw();
      this.#drawPlace(page);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#wanted = this.#shown;
      setText(this.#fault, `${(error as Error).message}.`.replace(/\.\.$/, '.'));
    }
    this.#form.setAttribute('aria-busy', 'false');
  }

  #drawPlace({ records, next, matchCount, isWhole, nowMs }: RecordPage): void {
    const { pages } = this.#shown;
    const first = (pages.length - 1) * ROWS + 1;
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
    this.#previous.disabled = pages.length === 1;
    this.#next.disabled = next === undefined;
  }
}
