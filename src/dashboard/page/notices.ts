import { announce, byId } from '../../page/element.js';
import { printable } from '../../text/printable.js';
import { timeText } from './server-clock.js';
import { setText } from './text-change.js';

const MOST_CHARS = 400;

/** Tells that the connection or the store has a fault, and since when. */
export class Notices {
  readonly #bar = byId('notice');
  readonly #status = byId('connection');
  #lost: string | undefined;
  #storeFault: string | undefined;
  #storeFaultSinceMs = 0;

  live(): void {
    if (this.#lost !== undefined) announce('Connected again.');
    this.#lost = undefined;
    this.#draw();
  }

  lost(reason: string, nowMs: number): void {
    this.#lost = `${sentence(reason)} Since ${timeText(nowMs)}. The page tries again by itself.`;
    announce(this.#lost);
    this.#draw();
  }

  store(fault: string | undefined, nowMs: number): void {
    if (fault !== undefined && this.#storeFault === undefined) {
      this.#storeFaultSinceMs = nowMs;
      announce(`The store cannot be read: ${sentence(fault)}`);
    }
    if (fault === undefined && this.#storeFault !== undefined) {
      announce('The store can be read again.');
    }
    this.#storeFault = fault;
    this.#draw();
  }

  #draw(): void {
    const isLost = this.#lost !== undefined;
    const state = isLost ? 'lost' : this.#storeFault === undefined ? 'live' : 'fault';
    this.#status.dataset.state = state;
    setText(this.#status, { lost: 'Not connected', live: 'Live', fault: 'Store fault' }[state]);
    const since = timeText(this.#storeFaultSinceMs);
    const text =
      this.#lost ??
      (this.#storeFault === undefined
        ? ''
        : `The store cannot be read since ${since}: ${sentence(this.#storeFault)} Runs and records are as of then.`);
    setText(this.#bar, text);
    this.#bar.hidden = text === '';
  }
}

/** Foreign text with a full stop. */
function sentence(text: string): string {
  const shown = printable(text.slice(0, MOST_CHARS)).trim();
  return /[.!?]$/.test(shown) ? shown : `${shown}.`;
}
