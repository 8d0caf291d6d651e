/** What `samekey dashboard` and `samekey proxy --dashboard` have in common. */
import type { Dashboard } from '../dashboard/server.js';
import { urlOf } from './listen.js';

/** Beside 7263 of the playground. */
export const DASHBOARD_PORT = 7264;

/** The dashboard's server is loaded only for the commands that serve it. */
export function loadDashboard(): Promise<typeof import('../dashboard/server.js')> {
  return import(new URL('../dashboard/server.js', import.meta.url).href);
}

/** Returns the link of a dashboard that listens. */
export const linkOf = ({ server, publicOrigin, newLink }: Dashboard) =>
  `${publicOrigin ?? urlOf(server)}${newLink()}`;

/**
 * Passes a new link to `show` at each SIGUSR2, which Windows does not have, while the dashboard listens.
 * It handles the signal until the program ends: without a handler the signal would kill it.
 */
export function onLinkWanted(dashboard: Dashboard, show: (link: string) => void): void {
  if (process.platform === 'win32') return;
  process.on('SIGUSR2', () => {
    if (dashboard.server.listening) show(linkOf(dashboard));
  });
}
