import { random } from '../runtime/random.js';
import type { Configuration } from './configuration.js';
import { type Chooser, type Deviation, type Result, runSchedule, type Watch } from './schedule.js';

/** A schedule as a text that replays it: `name / at: does / at: does`. */
export const toText = (configuration: Configuration, deviations: readonly Deviation[]) =>
  [configuration.name, ...deviations.map(({ at, does }) => `${at}: ${does}`)].join(' / ');

/** The name of a configuration, and the deviations, of a schedule's text. */
export function fromText(text: string): { name: string; deviations: Deviation[] } {
  const [name = '', ...rest] = text.split(' / ');
  const deviations = rest.map((each) => {
    const at = each.indexOf(': ');
    return { at: each.slice(0, at), does: each.slice(at + 2) };
  });
  return { name, deviations };
}

/** Follows the given deviations as far as they are possible. */
function following(deviations: readonly Deviation[]): Chooser {
  let next = 0;
  return (at, alternatives) => {
    const deviation = deviations[next];
    if (deviation?.at !== at || !alternatives().includes(deviation.does)) return undefined;
    next++;
    return deviation.does;
  };
}

export const replay = (
  configuration: Configuration,
  deviations: readonly Deviation[],
  watch: Watch = {},
): Promise<Result> => runSchedule(configuration, following(deviations), watch);

/**
 * Runs every schedule with at most `most` deviations, without extending one that violates an
 * invariant. Adds the states to `states`. Ends when `onResult` returns `false`.
 */
export async function exploreAll(
  configuration: Configuration,
  most: number,
  states: Set<number>,
  onResult: (result: Result) => boolean,
): Promise<void> {
  let isWanted = true;
  const explore = async (prefix: readonly Deviation[]): Promise<void> => {
    const choices: Deviation[] = [];
    const follow = following(prefix);
    let left = prefix.length;
    const choose: Chooser = (at, alternatives) => {
      if (left > 0) {
        const does = follow(at, alternatives);
        if (does !== undefined) left--;
        return does;
      }
      if (prefix.length < most) for (const does of alternatives()) choices.push({ at, does });
      return undefined;
    };
    const result = await runSchedule(configuration, choose, { states });
    isWanted &&= onResult(result);
    if (result.violation !== undefined) return;
    for (const choice of choices) if (isWanted) await explore([...prefix, choice]);
  };
  await explore([]);
}

/** A schedule with random deviations, the same for the same seed. */
export function runSeed(
  configuration: Configuration,
  seed: number,
  watch: Watch = {},
): Promise<Result> {
  const next = random(seed);
  const probability = 0.03 + 0.2 * next() ** 2;
  const choose: Chooser = (_, alternatives) => {
    if (next() > probability) return undefined;
    const found = alternatives();
    return found[Math.floor(next() * found.length)];
  };
  return runSchedule(configuration, choose, watch);
}

/** Removes deviations as long as the same invariant is violated. */
export async function shrink(
  configuration: Configuration,
  { deviations, violation }: Result,
): Promise<readonly Deviation[]> {
  let shortest = deviations;
  for (let i = shortest.length - 1; i >= 0; i--) {
    const shorter = shortest.filter((_, at) => at !== i);
    const result = await replay(configuration, shorter);
    if (result.violation?.invariant === violation?.invariant) shortest = result.deviations;
    i = Math.min(i, shortest.length);
  }
  return shortest;
}
