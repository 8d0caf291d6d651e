import {
  createDashboard,
  type Dashboard,
  type DashboardOptions,
} from '../../src/dashboard/server.js';
import { type Visitor, visit } from './program.js';

export interface ServedDashboard {
  readonly dashboard: Dashboard;
  readonly url: string;
  /** A browser with a session: it has opened the link. */
  readonly page: Visitor;
  close(): void;
}

/** Serves a dashboard in this process, on a free port: of a store without calls, if `options` do not say otherwise. */
export async function serveDashboard(
  options: Partial<DashboardOptions> & Pick<DashboardOptions, 'store'>,
): Promise<ServedDashboard> {
  const dashboard = createDashboard({
    version: '0',
    source: 'store',
    hasCalls: false,
    allowEvict: false,
    isLoopback: true,
    publicUrl: undefined,
    hasToken: true,
    ...options,
  });
  await new Promise<void>((resolve) => dashboard.server.listen(0, '127.0.0.1', resolve));
  const { port } = dashboard.server.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const page = await visit(`${url}${dashboard.newLink()}`);
  return { dashboard, url, page, close: () => dashboard.close() };
}
