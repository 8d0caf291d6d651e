import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { part } from '../depth.js';
import { startProxy } from '../proxy/program.js';
import { describeWith } from '../servers/process.js';
import { startUpstream } from '../servers/upstream.js';
import { errored, jsonl, type Line, openaiLine, planned, succeeded } from './batch-program.js';
import { folder, samekey } from './program.js';
import { CLI_STORES, type CliStore } from './stores.js';

const { path: root } = folder();

const QUICK = ['MySQL', 'SQLite'];
const KINDS = part(CLI_STORES, ({ name }) => QUICK.includes(name));

for (const { name, isThere, tool, open } of KINDS) {
  describeWith(tool, isThere, `--store of ${name}`, () => {
    let place: CliStore;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(() => place?.end());

    it('keeps the requests and results of batches', async () => {
      const batch = async (args: readonly string[], input = '') => {
        const run = await samekey(['batch', ...args, ...place.address, '--json'], {
          input,
          env: place.env,
        });
        expect(run.stderr).toBe('');
        return run.stdout === '' ? undefined : JSON.parse(run.stdout);
      };
      const out = join(root, name);
      const input = jsonl([openaiLine('a', 'A?'), openaiLine('b', 'B?'), openaiLine('c', 'A?')]);
      expect(await batch(['plan', '--out', out], input)).toMatchObject({
        toSend: 2,
        duplicates: 1,
      });
      const [a, b] = planned(out) as [Line, Line];
      const results = jsonl([succeeded(a, 'of A'), errored(b)]);
      expect(await batch(['record'], results)).toMatchObject({ stored: 1, released: 1 });
      expect(await batch(['status'])).toMatchObject({ succeeded: 1 });
      const answers = await samekey(['batch', 'results', ...place.address], {
        input: openaiLine('a', 'A?'),
        env: place.env,
      });
      expect(answers).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(answers.stdout)).toMatchObject({ response: { body: { content: 'of A' } } });
      // Only what failed is planned again, and a plan that is dropped leaves nothing.
      const next = `${out} 2`;
      expect(await batch(['plan', '--out', next], input)).toMatchObject({ toSend: 1, finished: 1 });
      expect(await batch(['drop', next])).toMatchObject({ dropped: 1 });
      expect(await batch(['status'])).toMatchObject({ waiting: 0, succeeded: 1 });
    });

    it('keeps the responses of the proxy, which ends also if the store is down', async () => {
      const upstream = await startUpstream((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"answer":1}');
      });
      const proxied = async (act: (post: () => Promise<string | null>) => Promise<void>) => {
        const { origin } = new URL(upstream.url);
        const proxy = await startProxy(origin, place.address, place.env);
        await act(async () => {
          const response = await fetch(`${proxy.url}/v1/messages`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
            body: '{"of":"the proxy"}',
          });
          expect(await response.json()).toEqual({ answer: 1 });
          return response.headers.get('samekey');
        });
        expect(await proxy.stop()).toBe(0);
      };
      await proxied(async (post) => expect(await post()).toBe('executed'));
      await proxied(async (post) => {
        expect(await post()).toBe('replayed');
        await place.kill?.();
      });
      expect(upstream.requests).toHaveLength(1);
      await upstream.stop();
    });
  });
}
