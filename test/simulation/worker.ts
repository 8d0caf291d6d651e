import { parentPort } from 'node:worker_threads';
import type { Configuration } from './configuration.js';
import { configurations } from './configurations.js';
import { exploreAll, fromText, replay, runSeed, shrink, toText } from './explore.js';
import { configurationOfSeed, randomConfiguration } from './random-configuration.js';
import type { Result } from './schedule.js';

/** A task for a thread of the simulator. */
export type Task =
  | { readonly does: 'list'; readonly only?: string }
  | {
      readonly does: 'explore';
      readonly name: string;
      readonly most: number;
      readonly until?: string;
    }
  | { readonly does: 'seeds'; readonly from: number; readonly to: number; readonly only?: string }
  | { readonly does: 'seed'; readonly seed: number; readonly only?: string }
  | { readonly does: 'replay'; readonly schedule: string };

export interface Found {
  readonly invariant: string;
  readonly text: string;
  readonly configuration: string;
  readonly schedule: string;
  readonly deviationCount: number;
  readonly count: number;
}

/** The outcome of many schedules. */
export interface Summary {
  readonly scheduleCount: number;
  readonly actionCount: number;
  readonly stateCount: number;
  readonly violations: readonly Found[];
}

/** The outcome of one schedule. */
export interface Replayed {
  readonly violation: Result['violation'];
  readonly log: readonly string[];
  /** With the deviations that were possible. */
  readonly schedule: string;
}

class Tally {
  scheduleCount = 0;
  actionCount = 0;
  readonly states = new Set<number>();
  readonly #found = new Map<string, Found>();

  add(configuration: Configuration, result: Result): void {
    this.scheduleCount++;
    this.actionCount += result.actionCount;
    const { violation, deviations } = result;
    if (violation === undefined) return;
    const id = `${violation.invariant} / ${configuration.name}`;
    const known = this.#found.get(id);
    const isShorter = known === undefined || deviations.length < known.deviationCount;
    this.#found.set(id, {
      ...violation,
      configuration: configuration.name,
      schedule: isShorter ? toText(configuration, deviations) : known.schedule,
      deviationCount: isShorter ? deviations.length : known.deviationCount,
      text: isShorter ? violation.text : known.text,
      count: (known?.count ?? 0) + 1,
    });
  }

  has(configuration: Configuration, { violation }: Result): boolean {
    return this.#found.has(`${violation?.invariant} / ${configuration.name}`);
  }

  summary(): Summary {
    const { scheduleCount, actionCount, states } = this;
    const violations = [...this.#found.values()];
    return { scheduleCount, actionCount, stateCount: states.size, violations };
  }
}

function named(name: string): Configuration {
  const found = configurations.find((each) => each.name === name) ?? configurationOfSeed(name);
  if (found === undefined)
    throw new Error(`Cannot simulate "${name}": there is no such configuration`);
  return found;
}

function some(only = ''): readonly Configuration[] {
  const found = configurations.filter(({ name }) => name.includes(only));
  if (found.length === 0)
    throw new Error(`Cannot simulate "${only}": no configuration has that in its name`);
  return found;
}

/** Every second seed generates its own configuration. */
const ofSeed = (seed: number, only?: string): Configuration => {
  if (!only && seed % 2 === 1) return randomConfiguration(seed);
  const found = some(only);
  return found[Math.floor(seed / 2) % found.length] as Configuration;
};

async function perform(task: Task): Promise<string[] | Summary | Replayed> {
  const tally = new Tally();
  switch (task.does) {
    case 'list':
      return some(task.only).map(({ name }) => name);
    case 'explore': {
      const configuration = named(task.name);
      await exploreAll(configuration, task.most, tally.states, (result) => {
        tally.add(configuration, result);
        return task.until === undefined || result.violation?.invariant !== task.until;
      });
      return tally.summary();
    }
    case 'seeds':
      for (let seed = task.from; seed < task.to; seed++) {
        const configuration = ofSeed(seed, task.only);
        const result = await runSeed(configuration, seed);
        if (result.violation === undefined || tally.has(configuration, result)) {
          tally.add(configuration, result);
          continue;
        }
        tally.add(configuration, { ...result, deviations: await shrink(configuration, result) });
      }
      return tally.summary();
    case 'seed': {
      const configuration = ofSeed(task.seed, task.only);
      const { violation, log, deviations } = await runSeed(configuration, task.seed, {
        isLogged: true,
      });
      return { violation, log: log ?? [], schedule: toText(configuration, deviations) };
    }
    case 'replay': {
      const { name, deviations: wanted } = fromText(task.schedule);
      const configuration = named(name);
      const { violation, log, deviations } = await replay(configuration, wanted, {
        isLogged: true,
      });
      return { violation, log: log ?? [], schedule: toText(configuration, deviations) };
    }
  }
}

parentPort?.on('message', async (task: Task) => {
  try {
    parentPort?.postMessage({ result: await perform(task) });
  } catch (error) {
    parentPort?.postMessage({ error: String(error) });
  }
});
