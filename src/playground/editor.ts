import { element } from '../page/element.js';
import { byteSize } from '../text/byte-size.js';
import { EditorSheet } from './editor-sheet.js';
import { EXAMPLES, exampleName } from './examples.js';
import { type Fault, fromBytes, type RequestText } from './request-text.js';

/** A larger text takes a browser seconds to lay out, so the editor asks first. */
export const LARGE_BYTES = 5_000_000;

interface EditorOptions {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
  /** Called when the content changes, also for each keystroke. */
  onChange(): void;
  /** Called by the button that removes the editor. Without it there is no such button. */
  onRemove?(): void;
}

/** A large input that is not read yet. */
interface LargeInput {
  readonly name: string;
  readonly byteCount: number;
  read(): Promise<RequestText>;
}

/** The editor of one request: typed, pasted, dropped, opened or chosen from the examples. */
export class Editor {
  readonly #sheet: EditorSheet;
  readonly #meta = element('p', { class: 'meta' });
  readonly #message = element('div', { class: 'held', hidden: '' });
  readonly #fault: HTMLElement;
  readonly #menu: HTMLSelectElement;
  readonly #options: EditorOptions;
  #content: RequestText = { text: '' };
  /** Whether the editor asks what to do with a large input. */
  isAsking = false;
  /** Whether the editor reads a file, which will replace the content. */
  isReading = false;
  /** Counts the contents, because a file may be read after the next one is there. */
  #contentCount = 0;

  constructor(root: HTMLElement, options: EditorOptions) {
    this.#options = options;
    const { id, label, placeholder } = options;
    this.#sheet = new EditorSheet(id, placeholder);
    this.#fault = element('div', { class: 'fault', id: `${id}-fault`, hidden: '' });
    this.#menu = this.#createMenu();
    const file = element('input', { type: 'file', hidden: '', tabindex: '-1' });
    const open = element('button', { type: 'button' }, 'Open file');
    open.addEventListener('click', () => file.click());
    file.addEventListener('change', () => {
      const chosen = file.files?.[0];
      // Choosing the same file again, after a change, must fire an event as well.
      file.value = '';
      if (chosen !== undefined) this.#openFile(chosen);
    });
    const tools: Node[] = [this.#menu, open, file];
    if (options.onRemove !== undefined) {
      const remove = element('button', { type: 'button' }, 'Remove');
      remove.addEventListener('click', () => options.onRemove?.());
      tools.push(remove);
    }
    root.append(
      element(
        'div',
        { class: 'heading' },
        element('h2', {}, element('label', { for: id }, label)),
        this.#meta,
        element('div', { class: 'tools' }, ...tools),
      ),
      this.#message,
      this.#sheet.root,
      this.#fault,
    );
    this.#wireInput(root);
  }

  get content(): RequestText {
    return this.#content;
  }

  focus(): void {
    this.#sheet.area.focus();
  }

  /** Shows a text that is small enough to edit. */
  show(text: string): void {
    this.#dropReading();
    this.#showSheet();
    this.#sheet.text = text;
    // A text area changes line ends. The key must be of the text that the page shows.
    this.#content = { text: this.#sheet.text };
    this.#options.onChange();
  }

  /** Shows a content that is not larger than {@link LARGE_BYTES}, as if a user had chosen it. */
  restore(content: RequestText): void {
    this.show(content.text);
    this.#menu.value = exampleName(content.text);
    const { bytes, fileName = 'The file' } = content;
    if (bytes !== undefined) this.#showFile(fileName, bytes.length, content);
  }

  showExample(name: string): void {
    this.#menu.value = name;
    this.show(EXAMPLES[name] ?? '');
  }

  /** Shows a fault at its place in the text; `undefined` removes it. */
  mark(fault: Fault | undefined): void {
    this.#sheet.mark(fault);
    this.#fault.hidden = fault === undefined;
    this.#fault.replaceChildren();
    if (fault === undefined) return;
    const message = element('p', {}, fault.message);
    this.#fault.append(message);
    if (fault.line === undefined || this.#sheet.root.hidden) return;
    const go = element('button', { type: 'button' }, `Go to line ${fault.line}`);
    go.addEventListener('click', () => this.#sheet.goTo(fault));
    this.#fault.append(go);
  }

  describe(text: string): void {
    this.#meta.textContent = text;
  }

  #createMenu(): HTMLSelectElement {
    const menu = element(
      'select',
      { 'aria-label': `Example for: ${this.#options.label}` },
      element('option', { value: '' }, 'Examples'),
      ...Object.keys(EXAMPLES).map((name) => element('option', { value: name }, name)),
    );
    menu.addEventListener('change', () => {
      if (menu.value !== '') this.showExample(menu.value);
    });
    return menu;
  }

  #wireInput(root: HTMLElement): void {
    const { area } = this.#sheet;
    area.addEventListener('input', () => {
      if (this.#askAboutText('Your text', area.value)) return;
      this.#dropReading();
      this.#content = { text: area.value };
      this.#menu.value = '';
      this.#sheet.changed();
      this.#options.onChange();
    });
    area.addEventListener('paste', (event) => {
      const text = event.clipboardData?.getData('text/plain') ?? '';
      // Asks before the text area lays the text out, which takes long.
      if (this.#askAboutText('The pasted text', text)) event.preventDefault();
    });
    root.addEventListener('dragover', (event) => {
      event.preventDefault();
      root.classList.add('dropping');
    });
    root.addEventListener('dragleave', () => root.classList.remove('dropping'));
    root.addEventListener('drop', (event) => {
      root.classList.remove('dropping');
      const dropped = event.dataTransfer?.files[0];
      if (dropped !== undefined) {
        event.preventDefault();
        this.#openFile(dropped);
        return;
      }
      // The text area inserts dropped text itself.
      const text = event.dataTransfer?.getData('text/plain') ?? '';
      if (this.#askAboutText('The dropped text', text)) event.preventDefault();
    });
  }

  #askAboutText(name: string, text: string): boolean {
    if (text.length <= LARGE_BYTES) return false;
    const byteCount = new Blob([text]).size;
    this.#ask({ name, byteCount, read: async () => ({ text }) });
    return true;
  }

  async #openFile(file: File): Promise<void> {
    this.#menu.value = '';
    const input = { name: file.name, byteCount: file.size, read: () => readFile(file) };
    if (file.size > LARGE_BYTES) this.#ask(input);
    else await this.#use(input);
  }

  /** Asks whether to process a large input. */
  #ask(input: LargeInput): void {
    this.#dropReading();
    this.#showSheet();
    this.isAsking = true;
    this.#content = { text: '' };
    const use = element('button', { type: 'button', class: 'primary' }, 'Use it');
    const drop = element('button', { type: 'button' }, 'Cancel');
    use.addEventListener('click', () => this.#use(input));
    drop.addEventListener('click', () => {
      this.show('');
      this.focus();
    });
    const size = byteSize(input.byteCount);
    this.#showMessage(
      element('p', {}, element('strong', {}, `${input.name} has ${size}.`)),
      element(
        'p',
        {},
        'The page may not respond for a few seconds, and the editor will not show the text.',
      ),
      element('div', { class: 'tools' }, use, drop),
    );
    this.#options.onChange();
    use.focus();
  }

  async #use({ name, byteCount, read }: LargeInput): Promise<void> {
    let content: RequestText;
    this.#dropReading();
    const count = this.#contentCount;
    this.isReading = true;
    this.#options.onChange();
    try {
      content = await read();
    } catch (error) {
      if (count !== this.#contentCount) return;
      this.isReading = false;
      this.#showSheet();
      this.#content = { text: '' };
      const message = `Cannot read ${name}: ${(error as Error).message}`;
      this.#showMessage(element('p', { class: 'fault' }, message), this.#closeButton());
      this.#options.onChange();
      return;
    }
    if (count !== this.#contentCount) return;
    this.isReading = false;
    // A text area cannot show binary data, and freezes on a large text.
    if (content.bytes === undefined && byteCount <= LARGE_BYTES) {
      this.show(content.text);
      return;
    }
    this.#showFile(name, byteCount, content);
    this.#options.onChange();
  }

  /** A file that is still read does not replace what comes after it. */
  #dropReading(): void {
    this.#contentCount++;
    this.isReading = false;
  }

  #showFile(name: string, byteCount: number, content: RequestText): void {
    this.#showSheet();
    this.#content = content;
    const label = element('strong', {}, `${name}, ${byteSize(byteCount)}`);
    this.#showMessage(element('p', {}, label), this.#closeButton());
  }

  #closeButton(): HTMLElement {
    const close = element('button', { type: 'button' }, 'Close');
    close.addEventListener('click', () => {
      this.show('');
      this.focus();
    });
    return element('div', { class: 'tools' }, close);
  }

  /** Shows a message in place of the text area, and passes its focus on to the first button. */
  #showMessage(...children: Node[]): void {
    const hadFocus = document.activeElement === this.#sheet.area;
    this.#message.replaceChildren(...children);
    this.#message.hidden = false;
    this.#sheet.root.hidden = true;
    if (hadFocus) this.#message.querySelector('button')?.focus();
    this.mark(undefined);
  }

  /** Shows the empty text area in place of a message, and passes the focus of its buttons on. */
  #showSheet(): void {
    const hadFocus = this.#message.contains(document.activeElement);
    this.isAsking = false;
    this.#sheet.root.hidden = false;
    if (hadFocus) this.focus();
    this.#message.hidden = true;
    this.#sheet.text = '';
    this.mark(undefined);
  }
}

async function readFile(file: File): Promise<RequestText> {
  return fromBytes(new Uint8Array(await file.arrayBuffer()), file.name);
}
