import { byId } from './element.js';

/**
 * Implements the tabs of WAI-ARIA Authoring Practices, "Tabs": one tab is in the tab order, and arrow
 * keys, Home and End move between tabs. The fragment of the URL names the open tab.
 */
export function wireTabs(list: HTMLElement): void {
  const tabs = [...list.querySelectorAll<HTMLButtonElement>('[role="tab"]')];

  const open = (tab: HTMLButtonElement) => {
    for (const each of tabs) {
      const isOpen = each === tab;
      each.setAttribute('aria-selected', String(isOpen));
      each.tabIndex = isOpen ? 0 : -1;
      byId(each.getAttribute('aria-controls') ?? '').hidden = !isOpen;
    }
  };

  const named = () => tabs.find(({ id }) => `#${id.replace('tab-', '')}` === location.hash);
  const choose = (tab: HTMLButtonElement) => {
    open(tab);
    history.replaceState(null, '', tab === tabs[0] ? ' ' : `#${tab.id.replace('tab-', '')}`);
  };

  list.addEventListener('click', ({ target }) => {
    const tab = tabs.find((each) => each.contains(target as Node));
    if (tab !== undefined) choose(tab);
  });
  list.addEventListener('keydown', (event) => {
    const at = tabs.indexOf(document.activeElement as HTMLButtonElement);
    const next = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    }[event.key];
    const tab = next === undefined || at < 0 ? undefined : tabs[next];
    if (tab === undefined) return;
    event.preventDefault();
    choose(tab);
    tab.focus();
  });
  addEventListener('hashchange', () => open(named() ?? (tabs[0] as HTMLButtonElement)));
  open(named() ?? (tabs[0] as HTMLButtonElement));
}
