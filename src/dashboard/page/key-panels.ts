import { byId } from '../../page/element.js';
import { printable } from '../../text/printable.js';
import type { KeyRow } from '../messages.js';
import { countText, runTimeText } from './figures.js';
import { KeyTable } from './key-table.js';
import type { LiveState } from './live-state.js';

const MODEL_CHARS = 80;

const calls = { title: 'Calls', name: 'count', text: (row: KeyRow) => countText(row.calls) };
const model = {
  title: 'Model',
  name: 'model',
  text: (row: KeyRow) => printable(row.model?.slice(0, MODEL_CHARS) ?? '–'),
};

/** The slowest keys, and the keys that were called again with a temperature above 0. */
export class KeyPanels {
  readonly #state: LiveState;
  readonly #slowest: KeyTable<KeyRow>;
  readonly #repeated: KeyTable<KeyRow>;

  constructor(state: LiveState, onOpen: (key: string) => void) {
    this.#state = state;
    const nowMs = () => state.clock.nowMs();
    this.#slowest = new KeyTable({
      caption: 'Slowest keys, by their latest run',
      empty: 'No run has ended yet.',
      nowMs,
      onOpen,
      columns: [
        { title: 'Run took', name: 'run-time', text: (row) => runTimeText(row.runMs) },
        calls,
        model,
      ],
    });
    this.#repeated = new KeyTable({
      caption: 'Repeated keys with a temperature above 0',
      empty: 'No request with a temperature above 0 was repeated.',
      nowMs,
      onOpen,
      columns: [
        {
          title: 'Temperature',
          name: 'temperature',
          text: ({ temperature }) => (temperature === undefined ? '–' : String(temperature)),
        },
        calls,
        model,
      ],
    });
    byId('slowest-table').append(this.#slowest.root);
    byId('repeated-table').append(this.#repeated.root);
  }

  draw(): void {
    const { overview, latest } = this.#state;
    if (overview === undefined || latest === undefined) return;
    for (const id of ['slowest', 'repeated']) byId(id).hidden = !overview.hasCalls;
    if (!overview.hasCalls) return;
    this.#slowest.show(latest.slowest, latest.slowest.length);
    this.#repeated.show(latest.repeatedWarm, latest.repeatedWarm.length);
  }
}
