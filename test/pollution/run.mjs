/**
 * Runs the scenarios with one name after the other on `Object.prototype`. Its argument is JSON:
 * `{ names, values, scenarios?, stores? }`. It prints JSON: `{ failures, skipped, runs }`.
 */
import { addStores, SCENARIOS } from './scenarios.mjs';

const { names, values, scenarios = '', stores = {} } = JSON.parse(process.argv[2]);
addStores(stores);

const VALUES = { text: 'polluted', function: () => 'polluted', object: { polluted: true } };
const HANGS_MS = Number(process.env.HANGS_MS ?? 20_000);

let unhandled;
process.on('unhandledRejection', (error) => {
  unhandled ??= error;
});
process.on('uncaughtException', (error) => {
  unhandled ??= error;
});

/** Runs a program to its end. Its outcome is a text, to be compared. */
async function outcomeOf(program) {
  unhandled = undefined;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), HANGS_MS);
  });
  try {
    const outcome = JSON.stringify(await Promise.race([program(), late]));
    return unhandled === undefined ? outcome : `unhandled: ${unhandled.stack ?? unhandled}`;
  } catch (error) {
    return `thrown: ${error?.stack ?? error}`;
  } finally {
    clearTimeout(timer);
  }
}

async function polluted(name, kind, program) {
  // By an assignment, and hidden, as careful libraries do: some frameworks fail with each that is not.
  Object.defineProperty(Object.prototype, name, {
    value: VALUES[kind],
    configurable: true,
    enumerable: kind === 'text',
    writable: true,
  });
  let outcome;
  try {
    outcome = await outcomeOf(program);
  } finally {
    delete Object.prototype[name];
  }
  return outcome;
}

const failures = [];
const skipped = [];
let runs = 0;

/** Runs one scenario under every name. */
async function test(scenario, { open = async () => SCENARIOS[scenario] }) {
  let { run, control: outside } = await open();
  // The language itself inherits the members of a descriptor.
  const control = async () => [Object.defineProperty({}, 'a', { value: 1 }).a, await outside()];
  const wanted = await outcomeOf(run);
  const wantedControl = await outcomeOf(control);
  if (/^(?:thrown|unhandled)/.test(wanted) || /^(?:thrown|unhandled)/.test(wantedControl)) {
    failures.push({ scenario, name: '(none)', found: wanted, wanted: wantedControl });
    return;
  }
  for (const name of names) {
    for (const value of values) {
      let found = await polluted(name, value, control);
      if (found !== wantedControl) skipped.push(`${scenario}: ${name}`);
      else {
        runs++;
        found = await polluted(name, value, run);
        if (found === wanted) continue;
        failures.push({ scenario, name, value, found, wanted });
      }
      // A client may still wait for a reply that it has lost.
      ({ run, control: outside } = await open());
    }
  }
}

for (const [scenario, program] of Object.entries(SCENARIOS)) {
  if (new RegExp(scenarios).test(scenario)) await test(scenario, program);
}
process.stdout.write(JSON.stringify({ failures, skipped, runs }), () => process.exit());
