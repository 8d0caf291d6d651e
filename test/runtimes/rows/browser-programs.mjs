/**
 * The browsers, and how each opens a page without a person. There is no driver: the page sends its
 * results to its server, so all three are treated alike.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BROWSER, WEBKITGTK } from './row.mjs';

/**
 * @typedef {object} Browser
 * @property {string} name
 * @property {boolean} reportsBlockedWasm to the address in its policy, or to its page
 * @property {import('./row.mjs').Platform} platform
 * @property {() => string | undefined} missing the reason why it cannot start here
 * @property {[program: string | undefined, ...args: string[]]} asksVersion
 * @property {(profile: string, url: string) => [program: string, ...args: string[]]} command
 */

/** @param {string[]} names of one program */
function find(...names) {
  const directories = (process.env.PATH ?? '').split(path.delimiter);
  return names
    .flatMap((name) => directories.map((directory) => path.join(directory, name)))
    .find((file) => existsSync(file));
}

/** The small browser of WebKitGTK, which is not on the path. */
function findMiniBrowser() {
  const library = '/usr/lib';
  return readdirSync(library)
    .map((arch) => path.join(library, arch, 'webkit2gtk-4.1/MiniBrowser'))
    .find((file) => existsSync(file));
}

const chromium = find('chromium', 'chromium-browser', 'google-chrome');
const firefox = find('firefox-esr', 'firefox');
const miniBrowser = findMiniBrowser();
const xvfbRun = find('xvfb-run');

/** Flags that let Chromium run as root, and that keep it from asking, updating and reporting. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Settings that keep Firefox from asking, updating and reporting. */
const FIREFOX_PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
};

/** @type {Browser[]} */
export const BROWSERS = [
  {
    name: 'Chromium',
    reportsBlockedWasm: true,
    platform: BROWSER,
    missing: () => (chromium ? undefined : 'there is no chromium in the path'),
    asksVersion: [chromium, '--version'],
    command: (profile, url) => [
      chromium ?? '',
      '--headless',
      ...CHROMIUM_FLAGS,
      `--user-data-dir=${profile}`,
      url,
    ],
  },
  {
    name: 'Firefox',
    reportsBlockedWasm: true,
    platform: BROWSER,
    missing: () => (firefox ? undefined : 'there is no firefox in the path'),
    asksVersion: [firefox, '--version'],
    command(profile, url) {
      const lines = Object.entries(FIREFOX_PREFERENCES).map(
        ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
      );
      writeFileSync(path.join(profile, 'user.js'), lines.join(''));
      return [firefox ?? '', '--headless', '--no-remote', '--profile', profile, url];
    },
  },
  {
    name: 'WebKitGTK',
    reportsBlockedWasm: false,
    platform: WEBKITGTK,
    missing() {
      if (!miniBrowser) return 'there is no MiniBrowser of WebKitGTK';
      return xvfbRun ? undefined : 'there is no xvfb-run in the path';
    },
    // It has no headless mode.
    asksVersion: [xvfbRun, '-a', miniBrowser ?? '', '--version'],
    command: (_, url) => [xvfbRun ?? '', '-a', miniBrowser ?? '', url],
  },
];

/**
 * Returns the version. The one that a page sees is rounded.
 *
 * @param {Browser} browser
 */
export function versionOfBrowser({ asksVersion: [program = '', ...args] }) {
  const said = execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return /\d+(\.\d+)+/.exec(said)?.[0] ?? said.trim();
}

/**
 * Opens `url` in a browser with a new profile. The result closes it.
 *
 * @param {Browser} browser
 * @param {string} url
 */
export function open({ command }, url) {
  const profile = mkdtempSync(path.join(tmpdir(), 'samekey-profile-'));
  const [program, ...args] = command(profile, url);
  const child = spawn(program, args, {
    // In its own process group, because a browser is many processes.
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
}
