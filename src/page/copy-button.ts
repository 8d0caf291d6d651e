import { announce, element } from './element.js';

/** How long a button shows the result of copying. */
const FEEDBACK_MS = 1600;

/** A button that copies `text` to the clipboard. `label` names the text for screen readers. */
export function copyButton(label: string, text: string): HTMLButtonElement {
  const caption = element('span', {}, 'Copy');
  const button = element(
    'button',
    { type: 'button', class: 'copy', 'aria-label': `Copy ${label}` },
    caption,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  button.addEventListener('click', async () => {
    const isCopied = await copy(text, button);
    caption.textContent = isCopied ? 'Copied' : 'Not copied';
    button.classList.toggle('done', isCopied);
    announce(isCopied ? `Copied ${label}` : `The browser refused to copy ${label}`);
    clearTimeout(timer);
    timer = setTimeout(() => {
      caption.textContent = 'Copy';
      button.classList.remove('done');
    }, FEEDBACK_MS);
  });
  return button;
}

async function copy(text: string, button: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without a secure origin or permission, the older API may still work.
    return copyFromSelection(text, button);
  }
}

function copyFromSelection(text: string, button: HTMLElement): boolean {
  const active = document.activeElement as HTMLElement | null;
  const holder = element('textarea', { class: 'unseen', 'aria-hidden': 'true', tabindex: '-1' });
  holder.value = text;
  // All outside of an open modal dialog is inert, and nothing can be selected there.
  (button.closest('dialog') ?? document.body).append(holder);
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
