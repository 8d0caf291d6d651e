import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';

/** The browser: CHROME_PATH, or Chromium or Chrome in the PATH. */
export const CHROMIUM =
  process.env.CHROME_PATH ||
  spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'], {
    encoding: 'utf8',
  }).stdout.trim();

const { CHROMIUM_FLAGS }: { CHROMIUM_FLAGS: readonly string[] } = await import(
  new URL('../runtimes/rows/browser-programs.mjs', import.meta.url).href
);

export const launchChromium = (flags: readonly string[] = []) =>
  chromium.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_FLAGS, ...flags] });
