import { announce, byId } from '../../page/element.js';
import { printable } from '../../text/printable.js';
import type { EvictReply } from '../messages.js';
import { evictRecord } from './server-api.js';
import { setText } from './text-change.js';

const MESSAGES: Readonly<Record<EvictReply['outcome'], string>> = {
  evicted: 'The record is evicted.',
  missing: 'The store has no record of this key any more.',
  running: 'A run in progress is never evicted.',
};

const KEY_CHARS = 300;

/** Asks before a record is evicted. */
export class EvictDialog {
  readonly #dialog = byId<HTMLDialogElement>('question');
  readonly #fault = byId('question-fault');
  readonly #confirm = byId<HTMLButtonElement>('question-evict');
  readonly #onAnswer: (outcome: EvictReply['outcome']) => void;
  #key = '';

  constructor(onAnswer: (outcome: EvictReply['outcome']) => void) {
    this.#onAnswer = onAnswer;
    byId('question-cancel').addEventListener('click', () => this.#dialog.close());
    this.#confirm.addEventListener('click', () => void this.#run());
  }

  ask(key: string): void {
    this.#key = key;
    const shown = printable(key.slice(0, KEY_CHARS));
    setText(byId('question-key'), key.length > KEY_CHARS ? `${shown}…` : shown);
    setText(this.#fault, '');
    this.#confirm.disabled = false;
    this.#dialog.showModal();
    byId('question-cancel').focus();
  }

  async #run(): Promise<void> {
    this.#confirm.disabled = true;
    try {
      const { outcome } = await evictRecord(this.#key);
      announce(MESSAGES[outcome]);
      if (outcome === 'running') setText(this.#fault, MESSAGES.running);
      else this.#dialog.close();
      this.#onAnswer(outcome);
    } catch (error) {
      setText(this.#fault, printable((error as Error).message));
    }
    this.#confirm.disabled = false;
  }
}
