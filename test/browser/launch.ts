import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';

/** The browser: CHROME_PATH, or Chromium or Chrome in the PATH. */
export const CHROMIUM =
  process.env.CHROME_PATH ||
  spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'], {
    encoding: 'utf8',
  }).stdout.trim();

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launchChromium = (flags: readonly string[] = []) =>
  chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
