import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import {
  busyMessage,
  doneRow,
  emptyMessage,
  keyFor,
  NOON_MS,
  OVERVIEW,
  runningRow,
  unknownRow,
} from './example-data.js';
import { type ExampleServer, serveExample } from './example-server.js';

type Scheme = 'light' | 'dark';

interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly scheme: Scheme;
  readonly isWhole: boolean;
  prepare?(page: Page, server: ExampleServer): Promise<void>;
}

const openRecord = async (page: Page) => {
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.locator('#records-table tbody .key-button').nth(5).click();
  await page.locator('#record .body').waitFor();
};
const openRecords = async (page: Page) => {
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.locator('#records-table tbody .key-button').first().waitFor();
};

/** The pictures of the documentation. */
const SHOWN: readonly Picture[] = [
  { name: 'dashboard-busy.png', width: 1280, height: 1080, scheme: 'light', isWhole: false },
  {
    name: 'dashboard-record.png',
    width: 1280,
    height: 900,
    scheme: 'dark',
    isWhole: false,
    prepare: openRecord,
  },
  { name: 'dashboard-phone.png', width: 390, height: 844, scheme: 'light', isWhole: false },
];

const STATES: Readonly<Record<string, (page: Page, server: ExampleServer) => Promise<void>>> = {
  busy: async () => {},
  empty: async (page, server) => {
    server.overview = { ...OVERVIEW };
    server.first = emptyMessage(NOON_MS);
    await page.reload();
    await page.locator('#live[aria-busy="false"]').waitFor();
  },
  store: async (page, server) => {
    server.overview = { ...OVERVIEW, source: 'store', hasCalls: false, allowEvict: false };
    await page.reload();
    await page.locator('#live[aria-busy="false"]').waitFor();
  },
  fault: async (page, server) => {
    server.send({
      ...busyMessage(NOON_MS),
      storeFault: 'connect ECONNREFUSED 10.0.3.7:6379',
    });
    await page.locator('#notice').waitFor();
  },
  lost: async (page, server) => {
    await server.stop();
    await page.locator('#notice').waitFor();
    await server.start();
  },
  records: openRecords,
  record: openRecord,
  question: async (page) => {
    await openRecord(page);
    await page.locator('#record-evict').click();
    await page.locator('#question').waitFor();
  },
};

/** Every state, at three widths, light and dark. */
const ALL: readonly Picture[] = [390, 1280, 1920].flatMap((width) =>
  (['light', 'dark'] as const).flatMap((scheme) =>
    Object.entries(STATES).map(([state, prepare]) => ({
      name: `${state}-${width}-${scheme}.png`,
      width,
      height: width < 500 ? 844 : 1080,
      scheme,
      isWhole: ['busy', 'empty', 'store'].includes(state),
      prepare,
    })),
  ),
);

/** Yields the pictures as PNG. */
export async function* takePictures(root: string, isAll: boolean) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    for (const picture of isAll ? ALL : SHOWN) {
      const { name, width, height, scheme, isWhole, prepare } = picture;
      const server = await serveExample(root, busyMessage(NOON_MS));
      server.records = exampleRecords();
      const options: BrowserContextOptions = {
        viewport: { width, height },
        colorScheme: scheme,
        deviceScaleFactor: width < 500 ? 2 : 1,
        timezoneId: 'UTC',
      };
      const context = await browser.newContext(options);
      const page = await context.newPage();
      await page.goto(server.address);
      await page.locator('#live[aria-busy="false"]').waitFor();
      await prepare?.(page, server);
      const bytes = await page.screenshot({ fullPage: isWhole });
      await context.close();
      await server.stop();
      yield { name, bytes };
    }
  } finally {
    await browser.close();
  }
}

function exampleRecords() {
  const rows = Array.from({ length: 400 }, (_, at) =>
    at % 23 === 9
      ? runningRow(at, NOON_MS)
      : at % 61 === 4
        ? unknownRow(at, NOON_MS)
        : doneRow(keyFor(`record ${at}`), at, NOON_MS),
  );
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1));
}
