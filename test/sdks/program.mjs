/** `node program.mjs all NAME` prints what one SDK does; `node program.mjs keys` prints one key for each SDK. */
import { startProvider } from '../servers/llm-provider.mjs';
import { load, SDKS } from './clients.mjs';
import { installClock } from './clock.mjs';
import { meter } from './measure.mjs';

const [, , what, name] = process.argv;
const platformFetch = globalThis.fetch;
// A request that does not go through samekey's place must not leave the machine.
globalThis.fetch = () => {
  throw new Error('The SDK uses the global fetch.');
};
// The output is JSON.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
const clock = installClock();
const provider = await startProvider();
/** @type {Record<string, unknown>} */
const result = {};
for (const sdk of SDKS.filter((each) => name === undefined || each.name === name)) {
  const meters = meter(sdk, await load(sdk), provider, clock, platformFetch);
  result[sdk.name] = what === 'keys' ? await meters.key() : await meters.all();
}
await provider.stop();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
