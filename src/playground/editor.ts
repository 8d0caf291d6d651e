import { byteSize } from './byte-size.js';
import { EditorSheet } from './editor-sheet.js';
import { element } from './element.js';
import { EXAMPLES } from './examples.js';
import type { Fault, RequestText } from './request-text.js';

/** Beyond it a browser's text area and a long list of members take seconds: ask first. */
export const LARGE_BYTES = 5_000_000;

interface EditorOptions {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
  /** Called when it holds something else; often, while somebody types. */
  onChange(): void;
  /** Called when the editor is to go away, if it may. */
  onRemove?(): void;
}

/** Something large or odd that came in, not looked into yet. */
interface Held {
  readonly name: string;
  readonly byteCount: number;
  read(): Promise<RequestText>;
}

/** One request: typed, pasted, dropped, opened or chosen from the examples. */
export class Editor {
  readonly #sheet: EditorSheet;
  readonly #meta = element('p', { class: 'meta' });
  readonly #question = element('div', { class: 'held', hidden: '' });
  readonly #fault: HTMLElement;
  readonly #menu: HTMLSelectElement;
  readonly #options: EditorOptions;
  #content: RequestText = { text: '' };
  /** Whether it waits for somebody to say what to do with something large. */
  isAsking = false;
  /** Whether a file is on its way in: what it holds now is about to go. */
  isReading = false;

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
      // The same file may be chosen again, changed.
      file.value = '';
      if (chosen !== undefined) this.#take(chosen);
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
      this.#question,
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

  /** Shows a text that is not too large to be edited. */
  show(content: RequestText): void {
    this.#release();
    this.#content = content;
    this.#sheet.text = content.text;
    this.#options.onChange();
  }

  showExample(name: string): void {
    this.#menu.value = name;
    this.show({ text: EXAMPLES[name] ?? '' });
  }

  /** Shows what is wrong with the text, at its place, or that nothing is. */
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
      if (this.#askAboutText('What you put in', area.value)) return;
      this.#content = { text: area.value };
      this.#menu.value = '';
      this.#sheet.changed();
      this.#options.onChange();
    });
    area.addEventListener('paste', (event) => {
      const text = event.clipboardData?.getData('text/plain') ?? '';
      // Before the text area has it: laying it out is what takes long.
      if (this.#askAboutText('What you pasted', text)) event.preventDefault();
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
        this.#take(dropped);
        return;
      }
      // Text goes where the text area puts it.
      const text = event.dataTransfer?.getData('text/plain') ?? '';
      if (this.#askAboutText('What you dropped', text)) event.preventDefault();
    });
  }

  #askAboutText(name: string, text: string): boolean {
    if (text.length <= LARGE_BYTES) return false;
    const byteCount = new Blob([text]).size;
    this.#ask({ name, byteCount, read: async () => ({ text }) });
    return true;
  }

  async #take(file: File): Promise<void> {
    this.#menu.value = '';
    const held = { name: file.name, byteCount: file.size, read: () => readFile(file) };
    if (file.size > LARGE_BYTES) this.#ask(held);
    else await this.#use(held);
  }

  /** Nothing is worked on until somebody says so. */
  #ask(held: Held): void {
    this.#release();
    this.isAsking = true;
    this.#content = { text: '' };
    const use = element('button', { type: 'button', class: 'primary' }, 'Work on it');
    const drop = element('button', { type: 'button' }, 'Leave it');
    use.addEventListener('click', () => this.#use(held));
    drop.addEventListener('click', () => this.show({ text: '' }));
    const size = byteSize(held.byteCount);
    this.#hold(
      element('p', {}, element('strong', {}, `${held.name} has ${size}.`)),
      element(
        'p',
        {},
        'That is a lot for a browser tab: it may not answer for some seconds, and it will not be shown in the editor.',
      ),
      element('div', { class: 'tools' }, use, drop),
    );
    this.#options.onChange();
    use.focus();
  }

  async #use({ name, byteCount, read }: Held): Promise<void> {
    let content: RequestText;
    this.isReading = true;
    this.#options.onChange();
    try {
      content = await read();
    } catch (error) {
      this.#release();
      this.#content = { text: '' };
      const message = `Cannot read ${name}: ${(error as Error).message}`;
      this.#hold(element('p', { class: 'fault' }, message), this.#closeButton());
      return;
    } finally {
      this.isReading = false;
      this.#options.onChange();
    }
    // A text area would show other characters for what is no text, and freeze on what is large.
    if (content.bytes === undefined && byteCount <= LARGE_BYTES) {
      this.show(content);
      return;
    }
    this.#release();
    this.#content = content;
    const what = element('strong', {}, `${name}, ${byteSize(byteCount)}`);
    this.#hold(element('p', {}, what), this.#closeButton());
  }

  #closeButton(): HTMLElement {
    const close = element('button', { type: 'button' }, 'Close it');
    close.addEventListener('click', () => {
      this.show({ text: '' });
      this.focus();
    });
    return element('div', { class: 'tools' }, close);
  }

  #hold(...children: Node[]): void {
    this.#question.replaceChildren(...children);
    this.#question.hidden = false;
    this.#sheet.root.hidden = true;
    this.mark(undefined);
  }

  #release(): void {
    this.isAsking = false;
    this.#question.hidden = true;
    this.#sheet.root.hidden = false;
    this.#sheet.text = '';
    this.mark(undefined);
  }
}

/** Bytes are kept where the text does not stand for them, as where line ends were written CR LF. */
async function readFile(file: File): Promise<RequestText> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const isText = !text.includes('\ufffd') && !text.includes('\0') && !text.includes('\r');
  return isText ? { text } : { text, bytes };
}
