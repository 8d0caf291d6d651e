import type { Page } from 'playwright-core';
import { describeInChromium, type Visit } from '../browser/chromium.js';
import { ROOT } from '../cli/program.js';
import { busyMessage, NOON_MS, OVERVIEW } from './example-data.js';
import { type ExampleServer, serveExample } from './example-server.js';

/** A page of the dashboard, and the server that tells it what to show. */
export interface DashboardVisit extends Visit {
  /** The same for all tests of a file. `reset` brings it back to its first state. */
  readonly server: () => ExampleServer;
  reset(): void;
}

/** Waits until the page shows the first message. */
export const settled = (page: Page) =>
  page.locator('#live[aria-busy="false"]').waitFor({ state: 'attached' });

/** Runs tests of the page in Chromium, with the example server. */
export function describeDashboard(name: string, tests: (visit: DashboardVisit) => void): void {
  let example: ExampleServer;
  const serve = async () => {
    example = await serveExample(ROOT, busyMessage(NOON_MS));
    return example;
  };
  describeInChromium(name, { serve, settled }, (visit) => {
    tests({
      ...visit,
      server: () => example,
      reset() {
        Object.assign(example, {
          overview: OVERVIEW,
          first: busyMessage(NOON_MS),
          records: [],
          status: undefined,
          scripts: {},
        });
        example.details.clear();
        example.evicted.length = 0;
      },
    });
  });
}

/** The text of a figure at the top of the page. */
export const figure = (page: Page, id: string) => page.locator(`#${id} .value`).textContent();
