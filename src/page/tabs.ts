import { byId } from './element.js';

/**
 * Implements the tabs of WAI-ARIA Authoring Practices, "Tabs": one tab is in the tab order, and arrow
 * keys, Home and End move between tabs. The name of a tab is its id without `tab-`.
 */
export class Tabs {
  readonly #tabs: readonly HTMLButtonElement[];
  #open = '';

  /** Calls `onChoose` when the user opens a tab. */
  constructor(list: HTMLElement, onChoose: () => void) {
    this.#tabs = [...list.querySelectorAll<HTMLButtonElement>('[role="tab"]')];
    const choose = (tab: HTMLButtonElement) => {
      this.open(nameOf(tab));
      onChoose();
    };
    list.addEventListener('click', ({ target }) => {
      const tab = this.#tabs.find((each) => each.contains(target as Node));
      if (tab !== undefined) choose(tab);
    });
    list.addEventListener('keydown', (event) => {
      const at = this.#tabs.indexOf(document.activeElement as HTMLButtonElement);
      const next = {
        ArrowRight: (at + 1) % this.#tabs.length,
        ArrowLeft: (at - 1 + this.#tabs.length) % this.#tabs.length,
        Home: 0,
        End: this.#tabs.length - 1,
      }[event.key];
      const tab = next === undefined || at < 0 ? undefined : this.#tabs[next];
      if (tab === undefined) return;
      event.preventDefault();
      choose(tab);
      tab.focus();
    });
  }

  /** The name of the open tab. */
  get name(): string {
    return this.#open;
  }

  get isFirst(): boolean {
    return this.#open === this.#tabs.map(nameOf)[0];
  }

  /** Opens the tab with this name, or the first one. */
  open(name: string): void {
    const opened = this.#tabs.find((tab) => nameOf(tab) === name) ?? this.#tabs[0];
    for (const tab of this.#tabs) {
      const isOpen = tab === opened;
      if (isOpen) this.#open = nameOf(tab);
      tab.setAttribute('aria-selected', String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      byId(tab.getAttribute('aria-controls') ?? '').hidden = !isOpen;
    }
  }
}

const nameOf = ({ id }: HTMLElement): string => id.replace('tab-', '');
