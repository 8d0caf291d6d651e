/** The processor time that `samekey/fetch` adds to a call, and the delay that it adds to a stream. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { buildNames } from '../build.mjs';
import { startChild } from '../child.mjs';
import { cleanEnvironment } from '../machine.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const upstream = fileURLToPath(new URL('../http/upstream.mjs', import.meta.url));
const fetchProcess = fileURLToPath(new URL('../http/fetch-process.mjs', import.meta.url));
const BARE = 'fetch';
const WARM_UP = 2500;

const CASES = /** @type {const} */ ([
  { id: 'call 2 KB', kind: 'call', bodyBytes: 2000, count: 1000, what: 'a call that sends 2 KB' },
  {
    id: 'call 100 KB',
    kind: 'call',
    bodyBytes: 100_000,
    count: 300,
    what: 'a call that sends 100 KB',
  },
  {
    id: 'stream',
    kind: 'stream',
    bodyBytes: 2000,
    count: 3,
    what: 'from the server to the reader of a stream',
  },
  {
    id: 'replay 2 KB',
    kind: 'replay',
    bodyBytes: 2000,
    count: 2000,
    what: 'a replay of a call of 2 KB from the process',
  },
]);

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/fetch: what it adds',
  note:
    'Processor time of the caller for one call, memory store; a server in another process answers at ' +
    'once, 8 calls are under way at a time. For a stream, the time from when the server writes an event to ' +
    'when the reader has it, the median over events that are 5 ms apart.',
  async measure({ quick, rounds }) {
    const server = fork(upstream, { env: cleanEnvironment() });
    const [{ port }] = await once(server, 'message');
    const contenders = [BARE, ...buildNames()].map((name) => ({
      name,
      ...startChild(`fetch, ${name}`, fetchProcess, [name, `http://127.0.0.1:${port}`]),
    }));
    try {
      const measures = [];
      for (const { id, kind, bodyBytes, count, what } of CASES) {
        const compared = kind === 'replay' ? contenders.slice(1) : contenders;
        const load = { kind, bodyBytes, count: quick ? Math.ceil(count / 10) : count };
        const warmUp = kind === 'stream' ? 1 : quick ? 250 : WARM_UP;
        for (const { ask } of compared) await ask({ ...load, count: warmUp });
        const { cpuUs, delayUs } = await measureInTurn(compared, rounds, ({ ask }) => ask(load));
        const addedTo = kind === 'replay' ? [] : [BARE];
        measures.push(measureOf({ id, what, unit: 'µs' }, cpuUs ?? delayUs, { addedTo }));
      }
      return { measures };
    } finally {
      for (const { stop } of contenders) await stop();
      server.disconnect();
      await once(server, 'exit');
    }
  },
};
