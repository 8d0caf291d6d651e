import { byId } from '../../page/element.js';
import type { RecordRow } from '../messages.js';
import { sinceText, untilText } from './figures.js';
import { KeyTable } from './key-table.js';
import type { LiveState } from './live-state.js';

/** A lease with less time than this is marked. Owners renew it when two thirds are left. */
const SHORT_LEASE_MS = 5000;

const attempt = {
  title: 'Attempt',
  name: 'attempt',
  text: (row: RecordRow) => String(row.attempt),
};

/** Runs in progress, and unknown outcomes. */
export class RunPanels {
  readonly #state: LiveState;
  readonly #running: KeyTable<RecordRow>;
  readonly #unknown: KeyTable<RecordRow>;

  constructor(state: LiveState, onOpen: (key: string) => void) {
    this.#state = state;
    const nowMs = () => state.clock.nowMs();
    this.#running = new KeyTable({
      caption: 'Runs in progress, oldest first',
      empty: 'No run is in progress.',
      nowMs,
      onOpen,
      columns: [
        {
          title: 'Runs for',
          name: 'age',
          text: (row, now) => sinceText(row.claimedAtMs, now),
        },
        {
          title: 'Lease left',
          name: 'lease',
          text: ({ leaseEndsAtMs }, now) =>
            leaseEndsAtMs === undefined ? '–' : untilText(leaseEndsAtMs, now),
          state: ({ leaseEndsAtMs = Number.POSITIVE_INFINITY }, now) =>
            leaseEndsAtMs - now < SHORT_LEASE_MS ? 'short' : '',
        },
        attempt,
      ],
    });
    this.#unknown = new KeyTable({
      caption: 'Unknown outcomes, oldest first',
      empty: 'No outcome is unknown.',
      nowMs,
      onOpen,
      columns: [
        {
          title: 'Ended before',
          name: 'age',
          text: (row, now) => sinceText(row.leaseEndsAtMs ?? row.claimedAtMs, now),
        },
        {
          title: 'Expires in',
          name: 'expires',
          text: (row, now) => untilText(row.expiresAtMs, now),
        },
        attempt,
      ],
    });
    byId('running-table').append(this.#running.root);
    byId('unknown-table').append(this.#unknown.root);
  }

  drawRunning(): void {
    const { latest } = this.#state;
    if (latest !== undefined) this.#running.show(latest.running, latest.runningCount);
  }

  drawUnknown(): void {
    const { latest } = this.#state;
    if (latest !== undefined) this.#unknown.show(latest.unknown, latest.unknownCount);
  }
}
