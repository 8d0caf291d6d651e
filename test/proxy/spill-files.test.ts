import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SpillFiles } from '../../src/proxy/spill-files.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-spill-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);

/** The open files of this process in the folder. */
const openFiles = () =>
  readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(folder) ? [`/proc/self/fd/${name}`] : [];
    } catch {
      // The descriptor of the folder that was just read.
      return [];
    }
  });

describe('files for responses', () => {
  it('give back any part of what was written, in many pieces', async () => {
    const files = new SpillFiles({ maxBytes: 1e6, onError: () => {} });
    const file = await files.open();
    const pieces = Array.from({ length: 3000 }, (_, n) => bytes(`piece ${n};`));
    const text = pieces.map((piece) => new TextDecoder().decode(piece)).join('');
    await file.write(pieces.slice(0, 1000), 0);
    const firstBytes = pieces.slice(0, 1000).reduce((sum, { length }) => sum + length, 0);
    await file.write(pieces.slice(1000), firstBytes);
    expect(Buffer.from(await file.read(0, text.length)).toString()).toBe(text);
    expect(Buffer.from(await file.read(firstBytes - 5, 20)).toString()).toBe(
      text.slice(firstBytes - 5, firstBytes + 15),
    );
    await expect(file.read(text.length - 1, 2)).rejects.toThrow('shorter');
    file.close();
  });

  it.runIf(process.platform === 'linux')(
    'have no name, and only this user may read them',
    async () => {
      const files = new SpillFiles({ maxBytes: 1e6, onError: () => {} });
      const file = await files.open();
      await file.write([bytes('secret')], 0);
      expect(readdirSync(folder)).toEqual([]);
      const [open = ''] = openFiles();
      expect(statSync(open).mode & 0o777).toBe(0o600);
      file.close();
      await expect.poll(openFiles).toEqual([]);
    },
  );

  it('take no more than their bound together, until one is closed', async () => {
    const errors: string[] = [];
    const onError = (error: unknown) => void errors.push((error as Error).message);
    const files = new SpillFiles({ maxBytes: 100, onError });
    const [first, second] = [await files.open(), await files.open()];
    await first.write([new Uint8Array(60)], 0);
    await expect(second.write([new Uint8Array(60)], 0)).rejects.toThrow('--max-spill');
    await second.write([new Uint8Array(40)], 0);
    first.close();
    await second.write([new Uint8Array(60)], 40);
    expect(errors).toEqual(['the files would have more than 100 bytes (--max-spill)']);
    second.close();
  });

  it('are refused in a folder that does not exist', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'none'));
    const onError = vi.fn();
    const files = new SpillFiles({ maxBytes: 100, onError });
    await expect(files.open()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(onError).toHaveBeenCalledOnce();
  });
});
