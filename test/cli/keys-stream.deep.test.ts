import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { progressLine } from '../../src/cli/progress.js';
import { keyOfJson } from '../../src/index.js';
import { byteSize } from '../../src/text/byte-size.js';
import { folder, itOnTerminal, onTerminal, PROGRAM, samekey } from './program.js';

const files = folder();
const LINE = `${JSON.stringify({ text: 'x'.repeat(3000) })}\n`;
const KEY = keyOfJson(LINE);
/** The keys of a batch of these lines exceed the buffer of a pipe or a socket. */
const SHORT_LINE = `${JSON.stringify({ text: 'x'.repeat(80) })}\n`;
const SHORT_KEY = keyOfJson(SHORT_LINE);

/** Generates `megabytes` of lines while they are read. */
function lines(megabytes: number, line = LINE): Readable {
  const block = Buffer.from(line.repeat(1e6 / line.length));
  return ReadableStream.from(
    (function* () {
      for (let i = 0; i < (megabytes * 1e6) / block.length; i++) yield block;
    })(),
  );
}

describe('memory', () => {
  const TELL =
    'data:text/javascript,import{isMainThread}from"node:worker_threads";if(isMainThread)process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';

  it.each(['1', '2'])('does not grow with the input, with --threads %s', async (threads) => {
    const peakKilobytes = async (megabytes: number) => {
      const { code, stdout, stderr } = await samekey(['keys', '--threads', threads], {
        input: lines(megabytes),
        nodeOptions: ['--max-old-space-size=64', '--import', TELL],
      });
      expect(code).toBe(0);
      expect(stdout.length / (KEY.length + 1)).toBeGreaterThan((megabytes * 1e6) / LINE.length);
      return Number(stderr);
    };
    const [small, large] = [await peakKilobytes(48), await peakKilobytes(300)];
    expect(small).toBeGreaterThan(0);
    expect(large - small).toBeLessThan(64 * 1024);
  });

  it('is bounded when the output is not read: reading waits', async () => {
    const child = start(['keys', '--threads', '2']);
    let written = 0;
    const feeding = (async () => {
      const block = Buffer.from(LINE.repeat(100));
      for (;;) {
        written += block.length;
        if (!child.stdin.write(block)) {
          const drained = await Promise.race([once(child.stdin, 'drain'), sleep(4000, 'stuck')]);
          if (drained === 'stuck') return;
        }
        // A program that has read 1 GB does not wait.
        if (written > 1e9) return;
      }
    })();
    await feeding;
    expect(child.exitCode).toBeNull();
    expect(written).toBeGreaterThan(1e6);
    expect(written).toBeLessThan(400e6);
    child.kill('SIGKILL');
  });
});

function start(args: string[]): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  return child;
}

describe('an interrupt', () => {
  it.each([
    ['SIGINT', '1'],
    ['SIGINT', '2'],
    ['SIGTERM', '2'],
  ] as const)('by %s with --threads %s leaves complete lines', async (signal, threads) => {
    const child = start(['keys', '--threads', threads]);
    const closed = once(child, 'close');
    const input = lines(2000, SHORT_LINE);
    input.pipe(child.stdin);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    // More than is processed without threads. Then the output is not read, so that a write is pending.
    const keysOf20Megabytes = (20e6 / SHORT_LINE.length) * (SHORT_KEY.length + 1);
    while (stdout.length < keysOf20Megabytes) await sleep(5);
    child.stdout.pause();
    await sleep(300);
    child.kill(signal);
    await sleep(100);
    child.stdout.resume();
    const [code, endedBy] = await closed;
    input.destroy();
    // A shell must see the signal, so that it does not run the next command.
    expect({ code, endedBy, stderr }).toEqual({ code: null, endedBy: signal, stderr: '' });
    const count = Math.round(stdout.length / (SHORT_KEY.length + 1));
    expect(stdout === `${SHORT_KEY}\n`.repeat(count)).toBe(true);
  });

  it('ends the program at once while it waits for input', async () => {
    const child = start(['keys']);
    child.stdin.write(`${LINE}${LINE}"begun`);
    let stdout = '';
    for await (const text of child.stdout.setEncoding('utf8')) {
      stdout += text;
      // The keys of the complete lines arrive without more input.
      if (stdout.length === 2 * (KEY.length + 1)) child.kill('SIGINT');
    }
    expect(stdout).toBe(`${KEY}\n${KEY}\n`);
    expect(child.signalCode ?? (await once(child, 'close'))[1]).toBe('SIGINT');
  });
});

describe('a broken pipe', () => {
  it.each(['1', '2'])('ends the program silently, with --threads %s', async (threads) => {
    const child = start(['keys', '--threads', threads]);
    const input = lines(2000);
    input.pipe(child.stdin);
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'close');
    input.destroy();
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });
});

describe('the progress bar', () => {
  /** "Clear the line from here", "go to its first column". */
  const [CLEAR, START] = ['\x1b[K', '\x1b[1G'];
  const state = { byteCount: 0, totalBytes: 4e9, keyCount: 0, seconds: 0, isDone: false };

  it.each([
    [
      { ...state, byteCount: 1e9, seconds: 10 },
      '======------------------  25%  1.0 GB of 4.0 GB  100 MB/s  30 s left',
    ],
    [
      { ...state, byteCount: 1e6, seconds: 10 },
      '------------------------   0%  1.0 MB of 4.0 GB  100 KB/s  11 h 6 min left',
    ],
    [{ ...state }, '------------------------   0%  0 bytes of 4.0 GB  0 bytes/s'],
    [
      { ...state, byteCount: 4e9, seconds: 80, isDone: true },
      '======================== 100%  4.0 GB of 4.0 GB  50 MB/s  in 1 min 20 s',
    ],
    [
      { ...state, byteCount: 5e9, seconds: 100 },
      '======================== 100%  5.0 GB of 4.0 GB  50 MB/s  0 s left',
    ],
    [
      { ...state, byteCount: 5e5, keyCount: 1234, seconds: 2, totalBytes: undefined },
      '500 KB  1,234 lines  250 KB/s',
    ],
  ])('shows the rate and the time left: %j', (given, line) => {
    expect(progressLine(given)).toBe(line);
  });

  it.each([
    [0, '0 s'],
    [0.2, '1 s'],
    [998.5, '16 min 39 s'],
    [1000, '16 min 40 s'],
    [999_500, '11 d 13 h'],
  ])('shows that %d seconds were needed as %s', (seconds, time) => {
    const line = progressLine({ ...state, seconds, isDone: true });
    expect(line.endsWith(`in ${time}`)).toBe(true);
  });

  itOnTerminal('is shown on a terminal, below the keys, and cut to the width', async () => {
    const shell = `(for i in 1 2 3 4 5; do echo '"x"'; sleep 0.3; done) | %`;
    const key = keyOfJson('"x"');
    const { code, stdout } = await onTerminal(['keys', '-'], { shell, columns: 100 });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d+ bytes {2}[1-5] lines? {2}\d+ bytes?\/s/);
    expect(stdout).toMatch(/20 bytes {2}5 lines {2}\d+ bytes?\/s {2}in \d s/);
    // Each key is alone in its line: the bar was cleared.
    const shown = stdout.split('\n').map((line) => line.slice(line.lastIndexOf(CLEAR) + 1));
    expect(shown.filter((line) => line.replace('[K', '') === key)).toHaveLength(5);
    const narrow = await onTerminal(['keys', '-'], { shell, columns: 24 });
    const bars = narrow.stdout.split(START).slice(1);
    expect(bars.length).toBeGreaterThan(0);
    for (const bar of bars) expect(bar.slice(0, bar.indexOf('\x1b')).length).toBeLessThan(24);
  });

  itOnTerminal('shows the time left for a file', async () => {
    const whole = LINE.repeat(20_000);
    const file = files.write('large.jsonl', whole);
    const { code, stdout } = await onTerminal(['keys', '-t', '1', file], {
      shell: '% > /dev/null',
      env: { SAMEKEY_ENGINE: 'js' },
    });
    expect(code).toBe(0);
    const size = byteSize(whole.length);
    expect(stdout).toMatch(
      new RegExp(`=-+ +\\d+%  [\\d.]+ MB of ${size}  [\\d.]+ MB/s  \\d+ s left`),
    );
    expect(stdout).toMatch(new RegExp(`={24} 100%  ${size} of ${size}  [\\d.]+ MB/s  in \\d+ s`));
    expect(stdout).toMatch(/\n$/);
    expect(stdout).not.toContain('ik_');
  });

  it('is silent in a pipe, also for a file on standard input', async () => {
    const file = files.write('piped.jsonl', LINE.repeat(10_000));
    const run = await samekey(['keys', '-t', '1'], {
      input: createReadStream(file),
      env: { SAMEKEY_ENGINE: 'js' },
    });
    expect(run.stderr).toBe('');
    const child = spawn(process.execPath, [PROGRAM, 'keys'], {
      stdio: [openSync(file, 'r'), 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    await once(child, 'close');
    expect(Buffer.concat(chunks).toString() === run.stdout).toBe(true);
  });
});
