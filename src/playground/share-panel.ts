import { copyButton } from '../page/copy-button.js';
import { byId } from '../page/element.js';
import { counted } from '../text/counted.js';
import { type LinkContent, writeLinkContent } from './link-content.js';
import { LinkError, toShareLink } from './share-link.js';

/** Addresses of the machine that shows the page: nobody else can open a link to them. */
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Shows a link to the present input, and keeps it up to date while it is open. */
export class SharePanel {
  readonly #read: () => LinkContent;
  readonly #switch = byId<HTMLButtonElement>('share-switch');
  readonly #panel = byId('share');
  readonly #link = byId<HTMLInputElement>('share-link');
  /** Counts the links, because an older one may be ready later. */
  #count = 0;

  /** `read` returns the present input. */
  constructor(read: () => LinkContent) {
    this.#read = read;
    byId('share-local').hidden = !LOOPBACK.test(location.hostname);
    this.#link.addEventListener('focus', () => this.#link.select());
    this.#switch.addEventListener('click', async () => {
      const isOpen = this.#panel.hidden;
      this.#panel.hidden = !isOpen;
      this.#switch.setAttribute('aria-expanded', String(isOpen));
      if (!isOpen) return;
      await this.refresh();
      this.#link.focus();
      this.#link.scrollLeft = 0;
    });
  }

  /** Must be called when the input has changed. */
  async refresh(): Promise<void> {
    this.#count++;
    if (this.#panel.hidden) return;
    const count = this.#count;
    try {
      const fragment = await toShareLink(writeLinkContent(this.#read()));
      if (count === this.#count) this.#show(new URL(fragment, location.href).href);
    } catch (error) {
      const { message } = error as Error;
      const fault = error instanceof LinkError ? message : `The link cannot be made: ${message}`;
      if (count === this.#count) this.#show('', fault);
    }
  }

  #show(link: string, fault = ''): void {
    const isReady = fault === '';
    this.#link.value = link;
    byId('share-line').hidden = !isReady;
    byId('share-copy').replaceChildren(...(isReady ? [copyButton('the link', link)] : []));
    byId('share-meta').textContent = isReady ? counted(link.length, 'character') : '';
    byId('share-fault').textContent = fault;
    byId('share-fault').hidden = isReady;
  }
}
