/** What `samekey dashboard` and `samekey proxy --dashboard` have in common. */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Dashboard, DashboardOptions } from '../dashboard/server.js';

/** Beside 7263 of the playground. */
export const DASHBOARD_PORT = 7264;

/** The dashboard's server is loaded only for the commands that serve it. */
export function loadDashboard(): Promise<typeof import('../dashboard/server.js')> {
  return import(new URL('../dashboard/server.js', import.meta.url).href);
}

/** The version in the package. */
export function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

export type { Dashboard, DashboardOptions };

export function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** Returns the link of a dashboard that listens. */
export const linkOf = ({ server, newLink }: Dashboard) => `${urlOf(server)}${newLink()}`;

/** Calls `act` for each SIGUSR2, which Windows does not have. Returns a function that ends this. */
export function onLinkWanted(act: () => void): () => void {
  if (process.platform === 'win32') return () => {};
  process.on('SIGUSR2', act);
  return () => process.removeListener('SIGUSR2', act);
}
