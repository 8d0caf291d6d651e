import { spawn } from 'node:child_process';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';
import { folder, PROGRAM, samekey } from './program.js';

const { path: root, write } = folder();
const store = ['--store', `lmdb:${join(root, 'store')}`];

const COUNT = 3000;
const lines = Array.from({ length: COUNT }, (_, i) =>
  JSON.stringify({
    custom_id: `person-${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: `Question ${i % 2500}?` }] },
  }),
);
const input = write('requests.jsonl', `${lines.join('\n')}\n`);

/** Starts the program with input that does not end, and kills it once `isReady`. */
async function killed(args: string[], text: string, isReady: () => Promise<boolean> | boolean) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.write(text);
  const closed = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGKILL');
  expect(await closed).toBe('SIGKILL');
}

const json = async (...args: string[]) =>
  JSON.parse((await samekey(['batch', ...args, ...store, '--json'])).stdout);

it('pays for each request once, although plan and record are killed', async () => {
  let batchCount = 0;
  const provider = await startProvider({
    moods: ({ method, path }: { method: string; path: string }) =>
      method === 'POST' && path === '/v1/batches' && ++batchCount === 1 ? 'partial:4' : 'answer',
  });
  try {
    const { batches, files } = new OpenAI({ apiKey: 'none', baseURL: `${provider.url}/v1` });
    /** Sends the batches of a folder and returns the results. */
    const send = async (out: string): Promise<string> => {
      let results = '';
      for (const name of readdirSync(out).filter((each) => each.endsWith('.jsonl'))) {
        const file = createReadStream(join(out, name));
        const { id: input_file_id } = await files.create({ file, purpose: 'batch' });
        const endpoint = '/v1/chat/completions';
        let batch = await batches.create({ input_file_id, endpoint, completion_window: '24h' });
        while (batch.status !== 'completed') batch = await batches.retrieve(batch.id);
        for (const id of [batch.error_file_id, batch.output_file_id]) {
          if (id != null) results += await (await files.content(id)).text();
        }
      }
      return results;
    };

    const first = join(root, 'first');
    const part = join(first, 'batch-0001.jsonl.part');
    await killed(
      ['batch', 'plan', '--out', first, ...store],
      `${lines.slice(0, 2000).join('\n')}\n`,
      () => existsSync(part) && statSync(part).size > 0,
    );
    const planned = await json('plan', input, '--out', first);
    expect(planned).toMatchObject({ toSend: 2500, duplicates: 500, files: [{ requests: 2500 }] });
    const results = await send(first);

    await killed(['batch', 'record', ...store], results, async () => {
      const { succeeded } = await json('status');
      return succeeded > 0;
    });
    const file = write('results.jsonl', results);
    const recorded = await json('record', file);
    expect(recorded.stored).toBeLessThan(1875);
    expect(recorded.stored + recorded.released + recorded.repeated).toBe(2500);
    expect(await json('status')).toMatchObject({ waiting: 0, succeeded: 1875 });

    const second = join(root, 'second');
    expect(await json('plan', input, '--out', second)).toMatchObject({ toSend: 625 });
    await json('record', write('more.jsonl', await send(second)));

    const answers = await samekey(['batch', 'results', input, ...store]);
    expect(answers).toMatchObject({ code: 0, stderr: '' });
    const texts = answers.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(texts.map(({ custom_id: name }) => name)).toEqual(lines.map((_, i) => `person-${i}`));
    for (const [i, { response }] of texts.entries()) {
      expect(response.body.choices[0].message.content).toContain(`Question ${i % 2500}?`);
    }
    expect(batchCount).toBe(2);
    expect(provider.billedByBody.size).toBe(2500);
    expect(provider.billedCount()).toBe(2500);
  } finally {
    await provider.stop();
  }
});
