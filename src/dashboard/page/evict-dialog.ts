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
  readonly #onAnswer: (key: string, outcome: EvictReply['outcome']) => void;
  #key = '';

  constructor(onAnswer: (key: string, outcome: EvictReply['outcome']) => void) {
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
    const key = this.#key;
    // When the answer arrives, the question may be closed, or about another key.
    const isAsked = () => this.#dialog.open && this.#key === key;
    this.#confirm.disabled = true;
    try {
      const { outcome } = await evictRecord(key);
      const isRefused = isAsked() && outcome === 'running';
      if (isRefused) setText(this.#fault, MESSAGES.running);
      else if (isAsked()) this.#dialog.close();
      this.#onAnswer(key, outcome);
      // In the dialog that is open then. The fault of the question is an alert, which announces itself.
      if (!isRefused) announce(MESSAGES[outcome]);
    } catch (error) {
      const fault = printable((error as Error).message);
      if (isAsked()) setText(this.#fault, fault);
      else announce(fault);
    }
    if (isAsked()) this.#confirm.disabled = false;
  }
}
