import { announce, element } from './element.js';

/** How long a button says what it did. */
const FEEDBACK_MS = 1600;

/** A button that puts `text` on the clipboard; `what` is its name for who cannot see its place. */
export function copyButton(what: string, text: string): HTMLButtonElement {
  const label = element('span', {}, 'Copy');
  const button = element(
    'button',
    { type: 'button', class: 'copy', 'aria-label': `Copy ${what}` },
    label,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  button.addEventListener('click', async () => {
    const isCopied = await copy(text);
    label.textContent = isCopied ? 'Copied' : 'Not copied';
    button.classList.toggle('done', isCopied);
    announce(isCopied ? `Copied ${what}` : `The browser did not let ${what} be copied`);
    clearTimeout(timer);
    timer = setTimeout(() => {
      label.textContent = 'Copy';
      button.classList.remove('done');
    }, FEEDBACK_MS);
  });
  return button;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not on a secure origin, or not allowed: the older way asks nobody.
    return copyFromSelection(text);
  }
}

function copyFromSelection(text: string): boolean {
  const active = document.activeElement as HTMLElement | null;
  const holder = element('textarea', { class: 'unseen', 'aria-hidden': 'true', tabindex: '-1' });
  holder.value = text;
  document.body.append(holder);
  holder.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    holder.remove();
    active?.focus();
  }
}
