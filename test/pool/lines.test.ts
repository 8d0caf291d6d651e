import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { keyOfJson } from '../../dist/index.js';
import { createPool, type LineKey } from '../../dist/pool/pool.js';
import { lineBatches } from '../../src/pool/line-batches.js';
import { expectError, expectThrown } from '../errors/thrown.js';
import { failure, generator, rejectionOf, settle, wait, web } from '../key/streams.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const pool = createPool({ threads: 2 });
afterAll(() => pool.close());

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of source) list.push(each);
  return list;
}

/** Results up to an error, and the error. */
async function untilError(source: AsyncIterable<LineKey>) {
  const lines: number[] = [];
  const error = await rejectionOf(
    (async () => {
      for await (const { line } of source) lines.push(line);
    })(),
  );
  return { lines, error };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('lines of a stream', () => {
  /**
   * The content of batches of `batchBytes`. Each batch is cleared afterwards, as by a transfer to a
   * thread.
   */
  async function batches(pieces: Iterable<unknown>, batchBytes: number, maxLineBytes = 1000) {
    const texts: string[] = [];
    for await (const { bytes, isTooLong } of lineBatches(pieces, maxLineBytes, batchBytes)) {
      texts.push(isTooLong ? 'too long' : new TextDecoder().decode(bytes));
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    }
    return texts;
  }

  it('are all there, and whole in their batch, wherever the stream and the batches are cut', async () => {
    const line = fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\n', 'é'));
    const cuts = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        cuts,
        fc.integer({ min: 1, max: 20 }),
        async (lines, steps, size) => {
          const whole = bytes(lines.join('\n'));
          const pieces: Uint8Array[] = [];
          for (let at = 0, i = 0; at < whole.length; i++) {
            const step = steps[i % steps.length] || i % 2;
            pieces.push(whole.subarray(at, at + step));
            at += step;
          }
          const texts = await batches(pieces, size);
          expect(texts.join('')).toBe(new TextDecoder().decode(whole));
          for (const text of texts.slice(0, -1)) expect(text).toMatch(/\n$/);
        },
      ),
    );
  });

  it('that are too long are not held, and the next one is found', async () => {
    const long = 'x'.repeat(50);
    for (const step of [1, 7, 64, 1000]) {
      const whole = `1\n2\n${long}\n3\n${long}${long}\n4\n${long}`;
      const pieces = whole.match(new RegExp(`[^]{1,${step}}`, 'g')) as string[];
      const texts = (await batches(pieces, 8, 10)).join('').split('\n');
      expect(texts).toEqual(['1', '2', 'too long3', 'too long4', 'too long']);
    }
  });

  it('do not wait for a full batch when the stream pauses', async () => {
    let next = (_: string) => {};
    const stream = new ReadableStream({
      start(controller) {
        next = (text) => controller.enqueue(bytes(text));
      },
    });
    const lines = pool.jsonLines(stream);
    next('1\n2\n"be');
    expect(await lines.next()).toEqual({ done: false, value: { line: 1, key: keyOfJson('1') } });
    expect(await lines.next()).toEqual({ done: false, value: { line: 2, key: keyOfJson('2') } });
    next('gun"\n');
    expect((await lines.next()).value).toEqual({ line: 3, key: keyOfJson('"begun"') });
    await lines.return?.();
  });
});

describe('pool.jsonLines', () => {
  it('returns the key and number of every line that is not blank, in order', async () => {
    const text = '{"a":1}\r\n\n \t\r\n[1]\n"é"\n\n 7 ';
    const expected = [
      { line: 1, key: keyOfJson('{"a":1}') },
      { line: 4, key: keyOfJson('[1]') },
      { line: 5, key: keyOfJson('"é"') },
      { line: 7, key: keyOfJson('7') },
    ];
    expect(await all(pool.jsonLines(new Blob([text])))).toEqual(expected);
    expect(await all(pool.jsonLines(new Blob([text]).stream()))).toEqual(expected);
    expect(await all(pool.jsonLines([text.slice(0, 5), bytes(text.slice(5))]))).toEqual(expected);
    expect(await all(pool.jsonLines(new Blob([''])))).toEqual([]);
    expect(await all(pool.jsonLines(new Blob(['\n\n'])))).toEqual([]);
  });

  it('keeps the order over many batches of unequal work', async () => {
    const texts = Array.from({ length: 20_000 }, (_, i) =>
      JSON.stringify({ i, text: 'x'.repeat(i % 1000 === 0 ? 1_500_000 : i % 300) }),
    );
    const results = await all(pool.jsonLines(texts.map((text) => `${text}\n`)));
    expect(results.map(({ line }) => line)).toEqual(texts.map((_, i) => i + 1));
    const wrong = results.filter(({ key }, i) => key !== keyOfJson(texts[i] as string));
    expect(wrong).toEqual([]);
  });

  it('ends with an error at a line without a key, after the keys before it', async () => {
    const { lines, error } = await untilError(pool.jsonLines(['1\n\n2\n{"a":é}\n', '3\n']));
    expect(lines).toEqual([1, 3]);
    expectError(error, SyntaxError, {
      code: 'SAMEKEY_BAD_JSON',
      position: 5,
      message: /^Cannot make a key of line 4, column 6: found .*, wanted a value/,
    });
    expect(error).toMatchObject({ line: 4, column: 6 });
  });

  it('reports such lines and continues, with onInvalid', async () => {
    const text = '1\n[9007199254740993]\n\n\ufeff2\n{"b":1}\n{"a":1}\n[';
    const identity = { include: ['a'] };
    const results = await all(pool.jsonLines([text], { identity, onInvalid: 'report' }));
    expect(results.map(({ line, key }) => ({ line, key }))).toEqual([
      { line: 1, key: undefined },
      { line: 2, key: undefined },
      { line: 4, key: undefined },
      { line: 5, key: undefined },
      { line: 6, key: keyOfJson('{"a":1}', identity) },
      { line: 7, key: undefined },
    ]);
    expect(results.map(({ error }) => error?.code)).toEqual([
      'SAMEKEY_EMPTY_IDENTITY',
      'SAMEKEY_BIG_NUMBER',
      'SAMEKEY_BAD_JSON',
      'SAMEKEY_EMPTY_IDENTITY',
      undefined,
      'SAMEKEY_BAD_JSON',
    ]);
    expect(results.map(({ error }) => error?.line)).toEqual([1, 2, 4, 5, undefined, 7]);
  });

  it.each([6, 3_000_000])('takes lines of up to maxLineBytes, %i', async (maxLineBytes) => {
    const fits = `"${'x'.repeat(maxLineBytes - 2)}"`;
    const text = `1\n${fits}\n${fits} \n2\n${fits}${fits}`;
    const results = await all(pool.jsonLines([text], { maxLineBytes, onInvalid: 'report' }));
    expect(results.map(({ line, key }) => [line, key])).toEqual([
      [1, keyOfJson('1')],
      [2, keyOfJson(fits)],
      [3, undefined],
      [4, keyOfJson('2')],
      [5, undefined],
    ]);
    for (const line of [3, 5]) {
      expectError(results[line - 1]?.error, RangeError, {
        code: 'SAMEKEY_TOO_LONG',
        message: `Cannot make a key of line ${line}: it is too long, wanted at most ${maxLineBytes} bytes`,
      });
    }
  });

  it('does not read ahead of a slow reader', async () => {
    let given = 0;
    const line = bytes(`${JSON.stringify('x'.repeat(98_301))}\n`);
    async function* endless() {
      for (;;) {
        given += line.length;
        yield line;
      }
    }
    const lines = pool.jsonLines(endless());
    for (let i = 0; i < 100; i++) await lines.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Ten lines are a batch. Two batches per thread are in progress, and one is being filled.
    expect(given / line.length).toBeGreaterThan(100);
    expect(given / line.length).toBeLessThan(100 + 8 * 11);
    await lines.return?.();
  });

  it('ends the stream when the consumer stops', async () => {
    const { stream, returned } = generator(['1\n2\n', '3\n'], async () => {});
    for await (const { line } of pool.jsonLines(stream)) if (line === 1) break;
    expect(returned).toEqual(['returned']);
    const { stream: quiet, cancelled } = web([bytes('1\n2\n')], wait);
    for await (const { line } of pool.jsonLines(quiet)) if (line === 1) break;
    await settle();
    expect(cancelled.length).toBe(1);
  });

  it('refuses a generator that it has read: no line of it is left', async () => {
    const { stream } = generator(['1\n', '2'], async () => {});
    expect(await all(pool.jsonLines(stream))).toHaveLength(2);
    expectThrown(() => pool.jsonLines(stream), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
  });

  it('passes on what the stream fails with, after the keys before it', async () => {
    const { stream } = generator(['1\n2\n3'], () => Promise.reject(failure));
    const { lines, error } = await untilError(pool.jsonLines(stream));
    expect(lines).toEqual([1, 2]);
    expect(error).toBe(failure);
    const pieces = await untilError(pool.jsonLines(['1\n', 7 as never]));
    expect(pieces.lines).toEqual([1]);
    expectError(pieces.error, TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: /^Cannot read a piece of the stream: it is a number/,
    });
  });

  it.each([
    [{ onInvalid: 'skip' }, RangeError, /onInvalid is "skip", wanted "throw" or "report"$/],
    [{ onInvalid: true }, TypeError, /onInvalid is a boolean/],
    [{ maxLineBytes: 0 }, RangeError, /maxLineBytes is 0, wanted a whole number from 1/],
    [{ skip: true }, TypeError, /there is no member "skip", only identity, onInvalid, maxLine/],
  ])('refuses %j', (options, Class, message) => {
    const given = options as never;
    expectThrown(() => pool.jsonLines(new Blob(), given), Class, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message,
    });
  });
});

describe('a program with a pool', () => {
  const DIST = JSON.stringify(join(ROOT, 'dist/pool/pool.js'));
  /** Runs `code` as a module; a program that hangs has no status. */
  function program(code: string, nodeOptions: string[] = []) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...nodeOptions, '--input-type=module', '-e', `import { createPool } from ${DIST};\n${code}`],
      { cwd: ROOT, encoding: 'utf8', timeout: 60_000 },
    );
    return { status, stdout, stderr };
  }

  it('ends by itself, closed or not', () => {
    const code = `await createPool({ threads: 2 }).keysOfJson(['1']); console.log('done');`;
    expect(program(code)).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
  });

  // 500 000 keys of 67 characters each do not fit into 24 MB; those of 100 lines do.
  const TOO_MUCH = `
    const pool = createPool({ threads: 2 });
    const small = '1\\n'.repeat(100);
    const works = async () => { let n = 0; for await (const _ of pool.jsonLines([small])) n++; return n; };
    console.log(await works());
    const innocent = Promise.allSettled([pool.keysOfJson(['1', '2', '3', '4', '5', '6'])]);
    try {
      for await (const { line } of pool.jsonLines(['1\\n'.repeat(2_000_000)])) void line;
    } catch (error) {
      console.log(error.code);
    }
    await innocent;
    console.log(await works());
    await pool.close();
  `;

  it('gets the error that a thread died of, and new threads', () => {
    const run = program(TOO_MUCH, ['--max-old-space-size=24']);
    expect(run).toMatchObject({ status: 0, stdout: '100\nERR_WORKER_OUT_OF_MEMORY\n100\n' });
  });

  it('gets an error when threads end as soon as they begin', () => {
    const end =
      'import { isMainThread } from "node:worker_threads"; if (!isMainThread) process.exit(7);';
    const code = `
      const pool = createPool({ threads: 2 });
      for (let i = 0; i < 2; i++) {
        const [{ status, reason }] = await Promise.allSettled([
          pool.keysOfJson(Array.from({ length: 20 }, (_, n) => String(n).padStart(200_000))),
        ]);
        console.log(status, reason?.message);
      }
      await pool.close();
    `;
    const options = ['--import', `data:text/javascript,${encodeURIComponent(end)}`];
    const line = 'rejected worker exited with code: 7\n';
    expect(program(code, options)).toEqual({ status: 0, stdout: line + line, stderr: '' });
  });

  it('gets an error that names the missing package', () => {
    const folder = mkdtempSync(join(tmpdir(), 'samekey-'));
    try {
      cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
      cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
      const code = `
        const { createPool } = await import('${join(folder, 'dist/pool/pool.js')}');
        try { createPool(); } catch ({ name, code, message }) { console.log(name, code, message); }
      `;
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(run.stderr).toBe('');
      expect(run.stdout).toBe(
        'Error SAMEKEY_NO_POOL Cannot start the threads: the package piscina is not installed, wanted npm install piscina\n',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
