import { copyButton } from '../page/copy-button.js';
import { byId, element, nextFrame } from '../page/element.js';
import { type Field, KEY_FORMATS, type KeyFormat, type Material } from './key-formats.js';
import { keyText } from './key-text.js';

/** For a larger request, the page responds between one format and the next. */
const LARGE_BYTES = 500_000;

type FieldElement = HTMLInputElement | HTMLSelectElement;

interface FormatRow {
  readonly format: KeyFormat;
  readonly field: FieldElement | undefined;
  readonly call: HTMLElement;
  readonly output: HTMLElement;
  readonly root: HTMLElement;
}

/** Lists the keys of a request in all formats, each with a button that copies it. */
export class FormatsPanel {
  readonly #rows: readonly FormatRow[];
  #material: Material | undefined;

  /** Calls `onField` when the user changes a field. */
  constructor(onField: () => void) {
    this.#rows = KEY_FORMATS.map((format) => {
      const field = format.field === undefined ? undefined : createField(format.id, format.field);
      const output = element('div', { class: 'output', id: `format-${format.id}` });
      const root = element('div', { class: 'format' });
      const call = element('code', { class: 'call', translate: 'no' });
      const row: FormatRow = { format, field, call, output, root };
      field?.addEventListener('input', () => {
        this.#draw(row);
        onField();
      });
      const label: Node[] = [element('h3', {}, format.label), call];
      if (field !== undefined) {
        const name = element('label', { for: field.id }, format.field?.label ?? '');
        label.push(element('div', { class: 'format-field' }, name, field));
      }
      root.append(element('div', { class: 'about' }, ...label), output);
      byId('formats').append(root);
      return row;
    });
  }

  /** The fields by the format's id, without secrets. */
  get fields(): Record<string, string> {
    return Object.fromEntries(
      this.#rows.flatMap(({ format, field }) =>
        field === undefined || format.field?.isSecret ? [] : [[format.id, field.value]],
      ),
    );
  }

  /** Fills in the fields that have a text in `fields`. */
  restore(fields: Readonly<Record<string, string>>): void {
    for (const { format, field } of this.#rows) {
      const text = fields[format.id];
      if (field !== undefined && text !== undefined) field.value = text;
    }
  }

  /** Shows the keys of a request; `undefined` removes them. */
  async show(material: Material | undefined): Promise<void> {
    this.#material = material;
    byId('formats-section').hidden = material === undefined;
    for (const { output } of this.#rows) output.replaceChildren();
    const isLarge = (material?.body.length ?? 0) > LARGE_BYTES;
    for (const row of this.#rows) {
      if (isLarge) await nextFrame();
      if (this.#material !== material) return;
      this.#draw(row);
    }
  }

  #draw({ format, field, call, output, root }: FormatRow): void {
    output.replaceChildren();
    const material = this.#material;
    const isPossible = format.isOfBytes || material?.canonical !== undefined;
    root.hidden = material === undefined || !isPossible;
    if (material === undefined || !isPossible) return;
    call.textContent = typeof format.call === 'string' ? format.call : format.call(material.bits);
    try {
      const key = format.derive(material, field?.value ?? '');
      if (key === undefined) {
        const wanted = `Enter a ${format.field?.label.toLowerCase()} to see this key.`;
        output.append(element('p', { class: 'meta' }, wanted));
      } else {
        output.append(keyText(key), copyButton(`the key: ${format.label}`, key));
      }
    } catch (error) {
      output.append(element('p', { class: 'fault' }, (error as Error).message));
    }
  }
}

function createField(id: string, { choices, placeholder, isSecret }: Field): FieldElement {
  if (choices !== undefined) {
    const options = choices.map((choice) => element('option', {}, choice));
    return element('select', { id: `field-${id}` }, ...options);
  }
  return element('input', {
    id: `field-${id}`,
    type: isSecret ? 'password' : 'text',
    placeholder: placeholder ?? '',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  });
}
