/**
 * The local provider as a program: `node examples/provider/start.mjs --port 8787 --moods 429,lose`
 *
 * Prints each request with its outcome, and at its end (Ctrl-C) what it billed.
 */
import { parseArgs } from 'node:util';
import { startProvider } from './provider.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8787' },
    moods: { type: 'string', default: '' },
    'work-ms': { type: 'string', default: '0' },
    'min-chars': { type: 'string', default: '0' },
    polls: { type: 'string', default: '1' },
    'honour-keys': { type: 'boolean', default: false },
  },
});

const script = values.moods.split(',').filter((mood) => mood !== '');
let postCount = 0;

const provider = await startProvider({
  port: Number(values.port),
  workMs: Number(values['work-ms']),
  minChars: Number(values['min-chars']),
  polls: Number(values.polls),
  honoursKeys: values['honour-keys'],
  moods({ method, path }) {
    const mood = (method === 'POST' && script[postCount++]) || 'answer';
    console.log(`${method} ${path}: ${mood}`);
    return mood;
  },
});
console.log(`The fake provider is at ${provider.url}`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    console.log(provider.summary());
    await provider.stop();
  });
}
