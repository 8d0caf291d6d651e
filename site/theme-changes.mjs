/**
 * Changes to the components of VitePress 1.6.4, for axe-core, for a keyboard, and against moving text. The version is pinned;
 * a change whose text is missing stops the build.
 */
const CHANGES = {
  'VPNavBarSearchButton.vue': [
    // Its name is its text, "Search": site.css shows the key.
    ['<kbd class="DocSearch-Button-Key">K</kbd>', '<kbd class="DocSearch-Button-Key key-k"></kbd>'],
  ],
  'VPNavBar.vue': [
    // Without a script, too, the bar stands beside the sidebar: else it moves when the script runs.
    [
      'ref<Record<string, boolean>>({})',
      "ref<Record<string, boolean>>({ 'has-sidebar': hasSidebar.value, top: true })",
    ],
  ],
  'VPSidebarItem.vue': [
    // Groups that do not fold are headings, no buttons.
    [
      "computed(() => (isLink.value ? undefined : 'button'))",
      "computed(() => (isLink.value || !collapsible.value ? undefined : 'button'))",
    ],
    [':tabindex="item.items && 0"', ':tabindex="itemRole && 0"'],
  ],
  'VPLocalSearchBox.vue': [
    ['role="button"\n', 'role="dialog"\n      aria-modal="true"\n'],
    [':aria-owns="results?.length ? \'localsearch-list\' : undefined"\n', ''],
    ['aria-expanded="true"\n', ''],
    ['aria-haspopup="listbox"\n', ''],
    // The link is the option. It is read as it is shown.
    [`:id="'localsearch-item-' + index"\n`, ''],
    [`:aria-selected="selectedIndex === index ? 'true' : 'false'"\n`, ''],
    ['role="option"', 'role="presentation"'],
    [
      `:aria-label="[...p.titles, p.title].join(' > ')"`,
      `:id="'localsearch-item-' + index" role="option" :aria-selected="selectedIndex === index"`,
    ],
    ['aria-autocomplete="both"', 'role="combobox" aria-expanded="true" aria-autocomplete="list"'],
    ['<kbd :aria-label=', '<kbd role="img" :aria-label='],
    ['<span class="title-icon">', '<span class="title-icon" aria-hidden="true">'],
  ],
};

/** A plugin of Vite. */
export const themeChanges = {
  name: 'samekey-theme-changes',
  enforce: 'pre',
  transform(code, id) {
    const name = /\/vitepress\/.*\/(\w+\.vue)$/.exec(id)?.[1];
    if (name === undefined || !Object.hasOwn(CHANGES, name)) return;
    let changed = code;
    for (const [from, to] of CHANGES[name]) {
      if (!changed.includes(from)) throw new Error(`${name} of VitePress has no ${from}`);
      changed = changed.replaceAll(from, to);
    }
    return { code: changed, map: null };
  },
};
