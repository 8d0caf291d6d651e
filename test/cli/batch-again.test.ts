import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fresh, jsonl, openaiLine, plan, planned, write } from './batch-program.js';
import { expectFailure, samekey } from './program.js';

const REFUSED = /: it has the plan of another input or of other flags, wanted another --out$/;
const input = jsonl([openaiLine('a', 'A?'), openaiLine('b', 'B?')]);

/** A finished plan, and how to run its command again. */
async function finished() {
  const place = fresh();
  const file = write(`${place.out.split('/').at(-1)}.jsonl`, input);
  const again = (...more: string[]) =>
    samekey(['batch', 'plan', file, '--out', place.out, '--store', place.store, ...more], {
      env: { SECRET: 'hunter2', KEYS: `a:${Buffer.alloc(32).toString('base64')}` },
    });
  expect(await again('-x', 'trace')).toMatchObject({ code: 0, stderr: '' });
  return { ...place, file, again };
}

describe('samekey batch plan in a folder with a finished plan', () => {
  it('prints the plan of the same input, from a file or a pipe', async () => {
    const { out, store, again } = await finished();
    const before = planned(out);
    for (const run of [
      await again('-x', 'trace'),
      await again('--json', '-x', 'trace'),
      await plan(input, { out, store }, '-x', 'trace'),
    ]) {
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(run.stdout).toMatch(/, as planned before\n|"isOld":true/);
    }
    expect(planned(out)).toEqual(before);
  });

  it('refuses another input, and leaves the plan as it is', async () => {
    const { out, file, again } = await finished();
    const before = readFileSync(join(out, 'plan.json'), 'utf8');
    const batch = join(out, 'batch-0001.jsonl');
    renameSync(batch, `${batch}.part`);
    writeFileSync(file, jsonl([openaiLine('a', 'A?'), openaiLine('b', 'C?')]));
    expectFailure(await again('-x', 'trace'), 2, REFUSED);
    writeFileSync(file, '');
    expectFailure(await again('-x', 'trace'), 2, REFUSED);
    rmSync(file);
    expectFailure(await again('-x', 'trace'), 3, /: no such file$/);
    expect(readFileSync(join(out, 'plan.json'), 'utf8')).toBe(before);
    expect(existsSync(batch)).toBe(false);
    // The same input again completes it.
    writeFileSync(file, input);
    expect(await again('-x', 'trace')).toMatchObject({ code: 0 });
    expect(existsSync(batch)).toBe(true);
  });

  it.each<[string, readonly string[]]>([
    ['fewer excluded paths', []],
    ['other excluded paths', ['-x', 'user']],
    ['included paths', ['-x', 'trace', '-i', 'model']],
    ['a preset', ['-x', 'trace', '-p', 'openai']],
    ['digests', ['-x', 'trace', '--ref', 'model']],
    ['a scope', ['-x', 'trace', '--scope', 'a']],
    ['numbers', ['-x', 'trace', '--big-numbers', 'double']],
    ['a secret', ['-x', 'trace', '--secret-env', 'SECRET']],
    ['keys of results', ['-x', 'trace', '--encrypt-env', 'KEYS']],
    ['unreadable results', ['-x', 'trace', '--on-unreadable', 'retry']],
    ['invalid lines', ['-x', 'trace', '--skip-invalid']],
    ['a store', ['-x', 'trace', '--store', 'lmdb:elsewhere']],
  ])('refuses other flags: %s', async (_, flags) => {
    const { again } = await finished();
    expectFailure(await again(...flags), 2, REFUSED);
  });

  it('tells secrets apart, and stores neither them nor the password of a store', async () => {
    const place = fresh();
    const planWith = (secret: string) =>
      samekey(
        ['batch', 'plan', '--out', place.out, '--store', place.store, '--secret-env', 'SECRET'],
        { input, env: { SECRET: secret } },
      );
    expect(await planWith('hunter2')).toMatchObject({ code: 0 });
    expect(await planWith('hunter2')).toMatchObject({ code: 0 });
    expectFailure(await planWith('hunter3'), 2, REFUSED);
    expect(readFileSync(join(place.out, 'plan.json'), 'utf8')).not.toContain('hunter');
  });

  it('refuses a plan that does not say of which input it is', async () => {
    const { out, again } = await finished();
    const path = join(out, 'plan.json');
    const { digest, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(path, JSON.stringify(rest));
    expectFailure(await again('-x', 'trace'), 2, REFUSED);
  });
});
