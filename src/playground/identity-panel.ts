import { defineIdentity, type IdentityOptions, identities, type KeyBits } from '../index.js';
import { copyButton } from '../page/copy-button.js';
import { byId, choose, chosen, element } from '../page/element.js';
import type { IdentityInput } from './link-content.js';

type PresetName = keyof typeof identities;

const LISTS = ['exclude', 'include', 'refs'] as const;

/** The chosen identity. A faulty one has its faults shown in the form. */
export type ChosenIdentity =
  | { readonly options: IdentityOptions; readonly isFaulty: false }
  | { readonly isFaulty: true };

/** The form that defines which part of a request is its identity. */
export class IdentityPanel {
  readonly #presets = new Map<PresetName, HTMLInputElement>();

  constructor(onChange: () => void) {
    for (const name of Object.keys(identities) as PresetName[]) {
      const box = element('input', { type: 'checkbox', name: 'preset', value: name });
      this.#presets.set(name, box);
      const title = identities[name].exclude.join('\n');
      byId('presets').append(element('label', { title }, box, element('span', {}, name)));
    }
    for (const list of LISTS) byId(list).addEventListener('input', onChange);
    byId('panel-keys').addEventListener('change', ({ target }) => {
      const { name, id } = target as HTMLInputElement;
      if (name === 'preset' || name === 'bits' || id === 'big-numbers') onChange();
    });
  }

  get roundsIntegers(): boolean {
    return byId<HTMLInputElement>('big-numbers').checked;
  }

  /** The form as it is filled in. */
  get input(): IdentityInput {
    return {
      presets: this.#chosenPresets(),
      exclude: byId<HTMLTextAreaElement>('exclude').value,
      include: byId<HTMLTextAreaElement>('include').value,
      refs: byId<HTMLTextAreaElement>('refs').value,
      bits: chosen('bits') === '128' ? '128' : '256',
      roundsIntegers: this.roundsIntegers,
    };
  }

  restore({ presets, bits, roundsIntegers, ...lists }: IdentityInput): void {
    for (const [name, box] of this.#presets) box.checked = presets.includes(name);
    for (const list of LISTS) byId<HTMLTextAreaElement>(list).value = lists[list];
    choose('bits', bits);
    byId<HTMLInputElement>('big-numbers').checked = roundsIntegers;
  }

  /** Reads the form, and shows faults beside their fields. */
  read(): ChosenIdentity {
    byId('snippet').hidden = true;
    let isFaulty = false;
    for (const list of LISTS) {
      const message = firstFault(linesOf(list));
      this.showFault(list, message);
      isFaulty ||= message !== undefined;
    }
    if (isFaulty) return { isFaulty };
    const presets = this.#chosenPresets().flatMap((name) => identities[name].exclude);
    const exclude = [...new Set([...presets, ...linesOf('exclude')])];
    const [include, refs] = [linesOf('include'), linesOf('refs')];
    const options: IdentityOptions = {
      ...(include.length > 0 && { include }),
      ...(exclude.length > 0 && { exclude }),
      ...(refs.length > 0 && { refs }),
      ...(this.roundsIntegers && { bigNumbers: 'double' }),
      ...(chosen('bits') === '128' && { bits: 128 as KeyBits }),
    };
    try {
      defineIdentity(options);
    } catch (error) {
      this.showFault('exclude', (error as Error).message);
      return { isFaulty: true };
    }
    this.#showCode();
    return { options, isFaulty };
  }

  showFault(list: (typeof LISTS)[number], message: string | undefined): void {
    const fault = byId(`${list}-fault`);
    fault.textContent = message ?? '';
    fault.hidden = message === undefined;
    byId(list).setAttribute('aria-invalid', String(message !== undefined));
  }

  #chosenPresets(): PresetName[] {
    return [...this.#presets].filter(([, box]) => box.checked).map(([name]) => name);
  }

  #showCode(): void {
    const presets = this.#chosenPresets().map((name) => `...identities.${name}.exclude`);
    const exclude = [...presets, ...linesOf('exclude').map(quoted)];
    const members = [
      ...listMember('include', linesOf('include').map(quoted)),
      ...listMember('exclude', exclude),
      ...listMember('refs', linesOf('refs').map(quoted)),
      ...(this.roundsIntegers ? ["bigNumbers: 'double'"] : []),
      ...(chosen('bits') === '128' ? ['bits: 128'] : []),
    ];
    const code =
      members.length === 0
        ? "import { keyOfJson } from 'samekey';\n\nconst key = keyOfJson(body);\n"
        : [
            `import { defineIdentity, ${presets.length > 0 ? 'identities, ' : ''}keyOfJson } from 'samekey';`,
            '',
            'const identity = defineIdentity({',
            ...members.map((member) => `  ${member},`),
            '});',
            'const key = keyOfJson(body, identity);',
            '',
          ].join('\n');
    const snippet = byId('snippet');
    snippet.hidden = false;
    snippet.replaceChildren(
      element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Code' }, code),
      copyButton('the code', code),
    );
  }
}

function linesOf(list: (typeof LISTS)[number]): string[] {
  const lines = byId<HTMLTextAreaElement>(list).value.split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

function firstFault(paths: readonly string[]): string | undefined {
  for (const path of paths) {
    try {
      defineIdentity({ include: [path] });
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

function listMember(name: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const line = `${name}: [${items.join(', ')}]`;
  return [line.length <= 70 ? line : `${name}: [\n    ${items.join(',\n    ')},\n  ]`];
}
