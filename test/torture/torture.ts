import { setTimeout as sleep } from 'node:timers/promises';
import { check, type Verdict, VIOLATIONS, type Violation } from './checker.js';
import { Crew, LOAD, type Load, type StoreAt } from './crew.js';
import { sharedClockMs } from './history.js';
import { keyAt, random } from './seeded.mjs';

/** A store under test, and its fault. */
export interface Subject {
  /** How the workers open it, in turn. */
  readonly at: readonly StoreAt[];
  /** Starts processes that write to the history, before the workers. */
  begin?(crew: Crew): Promise<void>;
  /** Injects the fault once, resolves when the store is restored, and returns a description. */
  fault?(crew: Crew, random: () => number): Promise<string>;
  stop(): Promise<void>;
}

/** A store and a fault: a row of `docs/guarantees.md`. */
export interface Row {
  readonly name: string;
  readonly store: string;
  readonly fault: string;
  /** When the guarantee does not hold, and which violations that explains. */
  readonly unless?: string;
  readonly mayHappen?: readonly Violation[];
  /** Whether the configuration is not supported. */
  readonly isUnsupported?: true;
  readonly load?: Partial<Load>;
  /** One process, for a store that lives in one. */
  readonly workers?: number;
  /** Whether every second key is called with `onUnknown: 'hold'`. Default: yes. */
  readonly holds?: false;
  /** Whether processes are killed as well. Default: yes. */
  readonly kills?: false;
  /** The time between two faults. Default: 1500 ms. */
  readonly everyMs?: number;
  /** Why it cannot run here. */
  missing?(): string | undefined;
  start(): Promise<Subject>;
}

/** The violations of a store that may lose an acknowledged record. */
export const forgets = (unless: string) => ({
  unless,
  mayHappen: ['overlap', 'rerun', 'lost', 'twoValues', 'stale', 'heldRerun'] as const,
});

export interface RowResult {
  readonly name: string;
  readonly seconds: number;
  readonly workers: number;
  readonly faults: number;
  readonly kills: number;
  readonly verdict: Verdict;
  /** Keys per thousand. */
  readonly per1000: Readonly<Record<Violation, number>>;
  /** The violations that the row does not permit. */
  readonly broken: readonly Violation[];
}

export interface TortureOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly workers?: number;
  /** Processes killed a second. */
  readonly killsPerSecond?: number;
  /** Receives the events before the check. */
  readonly onHistory?: (events: ReturnType<Crew['history']>) => void;
}

/** Runs one row and checks its history. */
export async function torture(row: Row, options: TortureOptions): Promise<RowResult> {
  const { seconds, seed, killsPerSecond = 0.5 } = options;
  const next = random(seed);
  const workers = row.workers ?? options.workers ?? 8;
  const subject = await row.start();
  const load: Load = { ...LOAD, ...row.load, startedAt: sharedClockMs() };
  const crew = new Crew(row.name, subject.at, load, next);
  let faults = 0;
  let kills = 0;
  try {
    await subject.begin?.(crew);
    await crew.start(workers);
    const until = sharedClockMs() + seconds * 1000;
    const goesOn = () => sharedClockMs() < until;
    const kill = async () => {
      while (row.kills !== false && goesOn()) {
        await sleep((0.5 + next()) * (1000 / killsPerSecond));
        if (!goesOn()) return;
        await crew.killOne();
        kills++;
      }
    };
    const injectFaults = async () => {
      while (goesOn()) {
        await sleep((0.5 + next()) * (row.everyMs ?? 1500));
        if (!goesOn()) return;
        const what = await subject.fault?.(crew, next);
        if (what === undefined) continue;
        crew.note({ type: 'fault', what });
        faults++;
      }
    };
    await Promise.all([kill(), injectFaults()]);
    await crew.finish(6 * load.leaseMs + 10_000);
    const numbers = usedNumbers(load);
    const acknowledged = new Set(
      crew
        .history()
        .flatMap((event) => (event.type === 'completed' && event.isKept ? [event.key] : [])),
    );
    await crew.audit(
      numbers.filter((number) => acknowledged.has(keyAt(row.name, number).key)),
      row.workers === 1,
    );
    const events = crew.history();
    options.onHistory?.(events);
    const held = new Set(
      numbers
        .map((number) => keyAt(row.name, number))
        .flatMap((each) => (each.isHeld ? each.key : [])),
    );
    const verdict = check(events, {
      ttlMs: load.ttlMs,
      isHeld: (key) => row.holds !== false && held.has(key),
    });
    return { ...summary(row, verdict), seconds, workers, faults, kills };
  } finally {
    await crew.end();
    await subject.stop();
  }
}

function usedNumbers({ startedAt, windowMs, keysPerWindow }: Load): number[] {
  const windows = Math.floor((sharedClockMs() - startedAt) / windowMs) + 1;
  return Array.from({ length: windows * keysPerWindow }, (_, number) => number);
}

function summary(row: Row, verdict: Verdict) {
  const names = Object.keys(VIOLATIONS) as Violation[];
  const per1000 = Object.fromEntries(
    names.map((name) => [
      name,
      Math.round((verdict.violations[name].length / Math.max(1, verdict.keys)) * 10_000) / 10,
    ]),
  ) as Record<Violation, number>;
  const broken = names.filter(
    (name) => verdict.violations[name].length > 0 && !row.mayHappen?.includes(name),
  );
  return { name: row.name, verdict, per1000, broken };
}
