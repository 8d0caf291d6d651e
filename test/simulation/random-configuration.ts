import type { OnceOptions } from '../../src/once/index.js';
import { random } from '../runtime/random.js';
import type { Configuration, FunctionPlan, Step } from './configuration.js';

const NAME = /^seed (\d+)$/;

/** The configuration with that name, if a seed generates it. */
export function configurationOfSeed(name: string): Configuration | undefined {
  const seed = NAME.exec(name)?.[1];
  return seed === undefined ? undefined : randomConfiguration(Number(seed));
}

/** Random options and programs, the same for the same seed. */
export function randomConfiguration(seed: number): Configuration {
  const next = random(seed ^ 0x5eed);
  const oneOf = <T>(...choices: readonly T[]): T =>
    choices[Math.floor(next() * choices.length)] as T;
  const sometimes = <T extends object>(probability: number, value: () => T): T | object =>
    next() < probability ? value() : {};
  const layer = oneOf(undefined, undefined, 'fetch', 'server');
  const processCount = oneOf(1, 2, 2, 3);
  const leaseMs = oneOf(300, 300, 90);
  const options: Partial<OnceOptions> = {
    leaseMs,
    ...sometimes(0.3, () => ({ cache: false })),
    ...sometimes(0.1, () => ({ cache: { maxEntries: 4, ttlMs: 100 } })),
    ...sometimes(0.4, () => ({
      onUnknown: oneOf<NonNullable<OnceOptions['onUnknown']>>('hold', () => 'retry'),
    })),
    ...sometimes(0.4, () => ({ onAbandoned: 'abort' })),
    ...sometimes(0.15, () => ({ onDuplicate: 'reject' })),
    ...sometimes(0.2, () => ({ waitMs: oneOf(0, 20, 400) })),
    ...sometimes(0.2, () => ({ timeoutMs: oneOf(30, 100, 500) })),
    ...sometimes(0.2, () => ({ onStoreError: 'run' })),
    ...sometimes(0.3, () => ({ ttlMs: oneOf(50, 350, 1000) })),
    ...sometimes(0.3, () => ({ storeTimeoutMs: oneOf(10, 200) })),
  };
  const hasPayloads = next() < 0.3;
  const at = () => oneOf(0, 0, 10, 50, 100, 350, 700) + Math.floor(next() * 20);
  const newCall = (): Step => ({
    does: 'call',
    atMs: at(),
    process: Math.floor(next() * processCount),
    takesMs: oneOf(1, 40, 40, 150, 700),
    ends: endOf(oneOf, layer !== undefined),
    isDeaf: next() < 0.3,
    ...sometimes(0.2, () => ({ fresh: layer !== 'server' })),
    ...(hasPayloads && { fingerprint: oneOf('x', 'x', 'y') }),
  });
  const newOther = (): Step => ({
    ...oneOf<Step>(
      { does: 'evict', atMs: 0 },
      { does: 'evict', atMs: 0 },
      { does: 'close', atMs: 0 },
      { does: 'jump', atMs: 0, byMs: 1_000_000 },
      { does: 'jump', atMs: 0, byMs: -1_000_000 },
    ),
    atMs: at(),
    process: Math.floor(next() * processCount),
  });
  return {
    name: `seed ${seed}`,
    ...(layer && { layer }),
    processes: Array.from({ length: processCount }, () => options),
    steps: [
      ...Array.from({ length: 2 + Math.floor(next() * 4) }, newCall),
      ...Array.from({ length: Math.floor(next() * 3) }, newOther),
    ],
    isSilent: next() < 0.2,
    refusesResults: next() < 0.03,
    aborts: next() < 0.4,
  };
}

type Ends = NonNullable<FunctionPlan['ends']>;

function endOf(oneOf: (...choices: readonly Ends[]) => Ends, isHttp: boolean): Ends {
  return isHttp
    ? oneOf('value', 'value', 'value', 'value', 'error', 'broken', 'status 500', 'unknown error')
    : oneOf('value', 'value', 'value', 'value', 'error', 'stored error', 'unknown error');
}
