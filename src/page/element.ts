type Child = Node | string;

/** Creates an element. Strings are inserted as text, never as markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/** Returns the element with this id, which must be in index.html. */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as Type;
}

/** Returns the value of the checked radio button with this name. */
export function chosen(name: string): string {
  return document.querySelector<HTMLInputElement>(`input[name="${name}"]:checked`)?.value ?? '';
}

/** Checks the radio button with this name and value. */
export function choose(name: string, value: string): void {
  const buttons = document.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`);
  for (const button of buttons) button.checked = button.value === value;
}

/** Lets the page draw and handle events. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Waits until the page is drawn. A hidden tab is not drawn, and does not wait. */
export function nextFrame(): Promise<void> {
  if (document.hidden) return nextTask();
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/**
 * Announces a change to screen readers: in the status element of the open modal dialog, because all
 * outside of it is inert, or in that of the page. A later dialog of the page opens above an earlier one.
 */
export function announce(text: string): void {
  const dialog = [...document.querySelectorAll('dialog:modal')].at(-1);
  const status = dialog?.querySelector('[role="status"]') ?? byId('status');
  for (const each of document.querySelectorAll('[role="status"]')) {
    each.textContent = each === status ? text : '';
  }
}
