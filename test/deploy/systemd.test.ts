import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, startProxy } from '../proxy/program.js';
import { describeWith, isInstalled } from '../servers/process.js';
import { DEPLOY } from './dockerfile.js';

const NAME = 'samekey-proxy.service';
const unit = readFileSync(join(DEPLOY, NAME), 'utf8');
const settingOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
const [node = '', program = '', command, ...flags] = settingOf('ExecStart').split(' ');

describe(NAME, () => {
  it('starts a proxy, with the address of the store from its file', async () => {
    expect(program).toMatch(/\/node_modules\/samekey\/dist\/cli\/samekey\.js$/);
    expect(command).toBe('proxy');
    expect(unit).toMatch(/^# SAMEKEY_STORE=.*\nEnvironmentFile=\/etc\//m);
    expect(flags).not.toContain('--store');
    const proxy = await startProxy('http://127.0.0.1:1', flags, { SAMEKEY_STORE: 'memory:' });
    expect(proxy.log[0]).toMatchObject({
      store: 'memory',
      upstream: flags[flags.indexOf('--upstream') + 1],
    });
    expect(await proxy.stop(settingOf('KillSignal') as NodeJS.Signals)).toBe(0);
  });

  it('has a folder of its own on the disk for responses that clients do not read', () => {
    const [, folder = ''] = /^Environment=TMPDIR=(.*)$/m.exec(unit) ?? [];
    // systemd makes it for the user of the service, who can write nothing else than that and its state.
    expect(folder).toBe(`/var/cache/${settingOf('CacheDirectory')}`);
    expect(settingOf('CacheDirectoryMode')).toBe('0700');
    expect(settingOf('ProtectSystem')).toBe('strict');
    // Filled up to --max-spill, it must not meet a limit for the size of files.
    expect(unit).not.toMatch(/^(?:LimitFSIZE|TemporaryFileSystem|InaccessiblePaths)=/m);
  });

  it('waits longer than the proxy takes to end', () => {
    const seconds = (text = '') => Number(/^(\d+)s$/.exec(text)?.[1]);
    const grace = seconds(flags[flags.indexOf('--grace') + 1]);
    expect(seconds(settingOf('TimeoutStopSec'))).toBeGreaterThan(grace + 3);
  });
});

describeWith('systemd-analyze', isInstalled('systemd-analyze'), `systemd about ${NAME}`, () => {
  it('finds no mistake, and little that the proxy could do to the system', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'samekey-systemd-'));
    const path = join(folder, NAME);
    // This machine may have Node.js elsewhere.
    writeFileSync(path, unit.replace(node, process.execPath));
    expect(await run('systemd-analyze', ['verify', path])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    writeFileSync(path, unit.replace('ProtectSystem=strict', 'ProtectSystem=tight'));
    expect((await run('systemd-analyze', ['verify', path])).stderr).toMatch(/value.*tight/);
    // In tenths, of 100: systemd itself calls less than 20 "OK".
    const threshold = '--threshold=20';
    const security = ['security', '--offline=true', '--no-pager', threshold, join(DEPLOY, NAME)];
    expect((await run('systemd-analyze', security)).code).toBe(0);
    rmSync(folder, { recursive: true });
  });
});
