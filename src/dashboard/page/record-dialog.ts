import { copyButton } from '../../page/copy-button.js';
import { announce, byId, element } from '../../page/element.js';
import { printable } from '../../text/printable.js';
import { EvictDialog } from './evict-dialog.js';
import type { LiveState } from './live-state.js';
import { recordView } from './record-view.js';
import { fetchRecord, type ServerFault } from './server-api.js';

/** Shows one record. Escape closes it, and the focus returns to where it came from. */
export class RecordDialog {
  readonly #dialog = byId<HTMLDialogElement>('record');
  readonly #key = byId('record-key');
  readonly #body = byId('record-body');
  readonly #evict = byId<HTMLButtonElement>('record-evict');
  readonly #state: LiveState;
  readonly #question: EvictDialog;
  #shownKey = '';
  #request: AbortController | undefined;

  /** `onEvicted` is called after a record has been removed. */
  constructor(state: LiveState, onEvicted: () => void) {
    this.#state = state;
    this.#question = new EvictDialog((key, outcome) => {
      const isShown = this.#dialog.open && this.#shownKey === key;
      if (isShown && outcome === 'running') void this.#load();
      else if (isShown) this.#dialog.close();
      if (outcome !== 'running') onEvicted();
    });
    byId('record-close').addEventListener('click', () => this.#dialog.close());
    this.#evict.addEventListener('click', () => this.#question.ask(this.#shownKey));
    this.#dialog.addEventListener('close', () => this.#request?.abort());
    this.#wireBackdrop();
  }

  open(key: string): void {
    this.#shownKey = key;
    this.#key.replaceChildren(
      element('code', { translate: 'no' }, key === '' ? '(empty)' : printable(key)),
      copyButton('the key', key),
    );
    this.#body.replaceChildren(element('p', { class: 'meta' }, 'Reading the record …'));
    this.#evict.hidden = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    void this.#load();
  }

  /**
   * Closes the dialog by a click beside it. The target alone does not tell: it is the dialog also below a
   * short record, and where text is selected from the inside to the outside.
   */
  #wireBackdrop(): void {
    const isBeside = ({ target, clientX, clientY }: MouseEvent) => {
      const { left, right, top, bottom } = this.#dialog.getBoundingClientRect();
      const isInside = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
      return target === this.#dialog && !isInside;
    };
    let isPressedBeside = false;
    this.#dialog.addEventListener('pointerdown', (event) => {
      isPressedBeside = isBeside(event);
    });
    this.#dialog.addEventListener('click', (event) => {
      if (isPressedBeside && isBeside(event)) this.#dialog.close();
    });
  }

  async #load(): Promise<void> {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    const key = this.#shownKey;
    try {
      const detail = await fetchRecord(key, request.signal);
      if (request.signal.aborted) return;
      this.#body.replaceChildren(...recordView(detail));
      this.#evict.hidden = this.#state.overview?.allowEvict !== true || detail.state === 'running';
      announce(`The record is shown. Its state: ${detail.state}.`);
    } catch (error) {
      if (request.signal.aborted) return;
      const { status, message } = error as ServerFault;
      const text = status === 404 ? 'The store has no record of this key any more.' : message;
      this.#body.replaceChildren(element('p', { class: 'fault' }, printable(text)));
      announce(text);
    }
  }
}
