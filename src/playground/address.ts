import { type LinkContent, readLinkContent } from './link-content.js';
import { isShareLink, LinkError, readShareLink } from './share-link.js';

/** What the fragment of the page's address says. */
export interface AddressHandlers {
  /** The fragment holds an input. */
  onInput(input: LinkContent): void;
  /** The fragment is a link that cannot be opened. */
  onFault(message: string): void;
  /** The fragment has the name of a tab, or nothing. */
  onTab(name: string): void;
}

/**
 * Opens the input or the tab in the fragment of the page's address, now and whenever the fragment changes.
 * Browsers send no fragment to a server.
 */
export async function wireAddress(handlers: AddressHandlers): Promise<void> {
  addEventListener('hashchange', () => openFragment(handlers));
  await openFragment(handlers);
}

async function openFragment({ onInput, onFault, onTab }: AddressHandlers): Promise<void> {
  const { hash } = location;
  if (!isShareLink(hash)) {
    onTab(hash.slice(1));
    return;
  }
  try {
    const input = readLinkContent(await readShareLink(hash));
    // Another fragment may have replaced this one in the meantime.
    if (location.hash === hash) onInput(input);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    onFault(error.message);
  }
}

/** Removes a link from the address when the page no longer shows its input. */
export function leaveLink(): void {
  if (isShareLink(location.hash)) showInAddress('');
}

/** Puts the name of a tab into the address, without a step in the history. */
export function showInAddress(name: string): void {
  history.replaceState(
    null,
    '',
    name === '' ? `${location.pathname}${location.search}` : `#${name}`,
  );
}
