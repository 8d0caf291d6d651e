import type { Violation } from './checker.js';

/** A row of `test/torture/results.json`. */
export interface RowSummary {
  readonly name: string;
  readonly store: string;
  readonly fault: string;
  readonly unless?: string;
  readonly isUnsupported?: true;
  /** Why it was not run. */
  readonly missing?: string;
  readonly seconds: number;
  readonly processes: number;
  readonly kills: number;
  readonly faults: number;
  readonly keys: number;
  readonly operations: number;
  readonly runs: number;
  /** Keys. */
  readonly violations: Readonly<Record<Violation, number>>;
  readonly ranTwice: number;
  readonly takenOver: number;
  readonly unkept: number;
  readonly seen: Readonly<Record<string, number>>;
}

export interface Results {
  readonly machine: string;
  readonly versions: string;
  readonly date: string;
  readonly seed: number;
  readonly rows: readonly RowSummary[];
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const sum = (rows: readonly RowSummary[], of: (row: RowSummary) => number) =>
  rows.reduce((total, row) => total + of(row), 0);

const grouped = (number: number) => number.toLocaleString('en');

/** Keys per thousand. A rate below one is shown, too. */
function per1000(count: number, { keys }: RowSummary): string {
  if (count === 0) return '0';
  const rate = (count / keys) * 1000;
  return rate < 10 ? String(Math.max(0.1, Math.round(rate * 10) / 10)) : String(Math.round(rate));
}

/** The errors and events in at least one call of two hundred, the most frequent first. */
function seenIn({ seen, operations }: RowSummary): string {
  const names = Object.entries(seen)
    .filter(([name, count]) => !name.startsWith('thrown') && count >= operations / 200)
    .sort(([, a], [, b]) => b - a)
    .map(([name]) =>
      /^SAMEKEY|^storeError|^leaseLost|^unknown/.test(name) ? `\`${name}\`` : name,
    );
  return names.length === 0 ? 'nothing' : names.join(', ');
}

function promiseOf({ unless, isUnsupported }: RowSummary): string {
  if (isUnsupported) return `not supported: ${unless}`;
  return unless === undefined ? 'at most once' : `at most once unless ${unless}`;
}

function renderStore(store: string, rows: readonly RowSummary[]): string {
  const cells = rows.map((row) => {
    const promise = promiseOf(row);
    if (row.missing !== undefined)
      return [row.fault, promise, `not run: ${row.missing}`, '', '', ''];
    return [
      row.fault,
      promise,
      per1000(row.takenOver, row),
      per1000(row.ranTwice, row),
      per1000(row.violations.twoValues + row.violations.stale, row),
      seenIn(row),
    ];
  });
  const head = [
    ...['fault', 'promise', 'ran again: owner lost', 'ran again: record lost', 'two values'],
    'what an operator sees',
  ];
  return `### ${store}\n\n${table(head, cells)}`;
}

/** Returns `docs/guarantees.md`. */
export function renderGuarantees({ machine, versions, date, seed, rows }: Results): string {
  const stores = [...new Set(rows.map(({ store }) => store))];
  const ran = rows.filter(({ missing }) => missing === undefined);
  const total = (of: (row: RowSummary) => number) => grouped(sum(ran, of));
  return `# What does samekey guarantee, with which store, under which fault?

While the owner of a key is alive and the store keeps its record, samekey runs the function at most once per key. This page states, for each store and fault that was tested, when that holds, when a key can run again, and which errors you see. Durable Objects were not tested here, and DynamoDB only on the emulator dynalite. The tables are generated from recorded histories of real processes on these servers.

## What "at most once" means

- While the owner of a key lives and reaches its store, no other process runs the function, and every duplicate receives the owner's result.
- A result that the store has acknowledged is replayed until it expires (\`ttlMs\`), is evicted, or a \`fresh\` call replaces it.
- When an owner dies, or does not renew its lease for \`leaseMs\`, its outcome is unknown. With \`onUnknown: 'retry'\`, the default, the next caller runs the function again. With \`onUnknown: 'hold'\` no caller does, and callers receive \`SAMEKEY_UNKNOWN_OUTCOME\` until \`once.evict(key)\`. The column "ran again: owner lost" counts these runs. Half of the keys were called with \`'hold'\`, and none of them ran again for this reason.
- If a store loses an acknowledged record, the guarantee does not hold: the next caller finds no record and runs the function. samekey cannot detect this. The column "ran again: record lost" counts these keys.

**Fencing tokens.** \`fencingToken\` grows with every claim of a key. The section below the tables states whether it also grew after a store had lost the record. A resource that remembers the largest token it has seen and refuses smaller ones rejects late writes of a former owner. A token does not undo the effects of the first run: after a lost record both runs have taken place, one after the other or at the same time.

**A result that cannot be stored** goes to its own callers. The key runs again after its lease has run out.

## The tables

*At most once* in the column "promise" excludes the runs that "ran again: owner lost" counts: those follow \`onUnknown\`. All numbers are keys per thousand. "Two values" counts keys for which two callers received different values, or a caller received an older value, without an evict, a fresh call or an expiry in between.

${stores
  .map((store) =>
    renderStore(
      store,
      rows.filter((row) => row.store === store),
    ),
  )
  .join('\n\n')}

${exceptions(ran)}

## What an operator sees

| | meaning | what to do |
| --- | --- | --- |
| \`SAMEKEY_STORE\`, event \`storeError\` | The store failed or did not answer within \`storeTimeoutMs\`. If the claim failed, the function did not run. | Nothing for a short failure: repeat the call. |
| \`SAMEKEY_LEASE_LOST\`, event \`leaseLost\` | The owner did not renew its lease in time, or the store lost its claim. | Look for long pauses of the process, and for a store that restarted or evicts records. |
| \`SAMEKEY_UNKNOWN_OUTCOME\`, event \`unknown\` | An owner died or did not renew its lease. With \`'hold'\` callers receive the error; with \`'retry'\` the event announces the next run. | Check the effects of the run, then call \`once.evict(key)\`. |
| \`SAMEKEY_UNREADABLE\`, event \`unreadable\` | A stored result cannot be decrypted or decoded. With \`'hold'\` callers receive the error; with \`'retry'\` the function runs again. | Add the key that \`keyId\` names, or call \`once.evict(key)\`. |
| \`SAMEKEY_STORE_FULL\` | The store has no room for this result. It is in \`error.value\`. | Free space, or make results smaller. |
| a second run without any event | The store lost a record. | Use a store, or a configuration of it, without such a row in the tables above. |

## How it was measured

${total(({ operations }) => operations)} calls with ${total(({ keys }) => keys)} keys, ${total(({ runs }) => runs)} runs of the function, ${total(({ kills }) => kills)} processes killed, ${total(({ faults }) => faults)} other faults injected; ${machine}; ${versions}; ${date}; seed ${seed}.

Eight processes call with the same keys, most keys at the same time and some much later. Most functions take up to 20 ms, some longer than a lease; 4 % throw. 1 % of the calls evict, 2 % are fresh. Processes are killed with \`kill -9\` at random moments and replaced. Leases are 1 s and store timeouts 400 ms, a fraction of the defaults, so that faults outlast them. A fault happens every one or two seconds, so the rates are much higher than in a system that fails once a year. Other work kept the machine busy, so some store calls timed out without a fault. Every start and end is recorded with a clock that all processes share. A checker reads the merged history and reports violations. Its own tests give it a bad history for each invariant. At the end, a new process calls with every key whose result was acknowledged.

    npm run torture                          # an hour
    npm run torture -- --minutes 5 --only Redis --seed 1
    npm run torture -- --results             # writes this page
`;
}

/** Violations that no row permits, and tokens that did not grow. */
function exceptions(rows: readonly RowSummary[]): string {
  const lines = rows.flatMap((row) =>
    (['token', 'unanswered', 'foreign', 'crash'] as const).flatMap((name) =>
      row.violations[name] === 0 ? [] : [`${row.name}: ${WORDS[name]}: ${row.violations[name]}`],
    ),
  );
  if (lines.length === 0) {
    return 'In no history did a fencing token fail to grow, a caller stay without an answer, a caller receive a value of another key, or a process crash.';
  }
  return `Exceptions:\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}

const WORDS = {
  token: 'keys whose fencing token did not grow',
  unanswered: 'keys with a call that did not settle',
  foreign: 'keys with a value of another key',
  crash: 'processes that crashed',
} as const;
