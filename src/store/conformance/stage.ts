import {
  byteCount,
  func,
  type OptionsOf,
  required,
  type SettingsOf,
  specs,
  wholeNumber,
} from '../../options/spec.js';
import type { ClaimRequest, ClaimResult, Completion, Store } from '../store.js';

export const conformanceOptions = /* @__PURE__ */ specs(() => ({
  /** Opens a store on the same records each time, as another process would. Other records may exist: all keys are new. */
  open: required(func<() => Store | Promise<Store>>()),
  /**
   * Moves the clock of all these stores, back if `byMs` is negative. Leave it out for a clock that cannot be moved.
   * @defaultValue the tests wait, some milliseconds at a time
   */
  moveClock: func<(byMs: number) => void | Promise<void>>(),
  /** How many claims of one key are made at once. */
  claimers: wholeNumber({ default: 50, min: 1 }),
  /** The largest payload that is stored. */
  maxPayloadBytes: byteCount({ default: 1024 * 1024 }),
  /**
   * The steps of the model check.
   * @defaultValue 2000, or 400 without `moveClock`
   */
  steps: wholeNumber({}),
  /**
   * The seed of the model check's choices, which the message of a failure shows.
   * @defaultValue a new one each time
   */
  seed: wholeNumber({}),
}));

/** The options of `storeConformance`. */
export interface ConformanceOptions extends OptionsOf<typeof conformanceOptions> {}

export type ConformanceSettings = SettingsOf<typeof conformanceOptions>;

/** A rule that every store must follow. */
export interface Rule {
  readonly name: string;
  run(stage: Stage): Promise<void>;
}

export const HOUR_MS = 60 * 60 * 1000;
export const DAY_MS = 24 * HOUR_MS;
/** A lease short enough to wait for. */
export const SHORT_MS = 20;

/** How long a notification may take before it counts as lost. */
const NOTIFIED_WITHIN_MS = 20_000;

/** The stores, keys and clock of one rule. */
export class Stage {
  readonly options: ConformanceSettings;
  readonly #stores: Store[] = [];

  constructor(options: ConformanceSettings) {
    this.options = options;
  }

  async open(): Promise<Store> {
    const store = await this.options.open();
    if (!this.#stores.includes(store)) this.#stores.push(store);
    return store;
  }

  async end(): Promise<void> {
    for (const store of this.#stores.splice(0).reverse()) await store.close();
  }

  /** Returns a key that no other test uses. */
  newKey(): string {
    return `ik_${newId()}${newId()}`;
  }

  /** Moves the store's clock, or waits until it has advanced, which it reads with `key`. */
  async passMs(store: Store, ms: number, key = this.newKey()): Promise<void> {
    const { moveClock } = this.options;
    if (moveClock !== undefined) return moveClock(ms);
    const endMs = (await store.read(key)).nowMs + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = endMs - (await store.read(key)).nowMs) {
      await sleep(Math.max(1, leftMs));
    }
  }
}

const newId = () => globalThis.crypto.randomUUID().replaceAll('-', '');

export const newOwner = () => globalThis.crypto.randomUUID() as string;

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Returns a claim request that takes no record over and whose lease outlasts any test. */
export function request(overrides: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    owner: newOwner(),
    leaseMs: HOUR_MS,
    ttlMs: DAY_MS,
    fingerprint: undefined,
    takeUnknown: false,
    takeFinished: false,
    ...overrides,
  };
}

/** Claims the key, and fails if the claim is refused. */
export async function claim(
  store: Store,
  key: string,
  overrides: Partial<ClaimRequest> = {},
): Promise<ClaimResult> {
  const result = await store.claim(key, request(overrides));
  expectEqual(result.claimed, true, 'whether the claim was granted');
  return result;
}

/** Claims the key, and fails if the claim is granted. */
export async function claimRefused(
  store: Store,
  key: string,
  overrides: Partial<ClaimRequest> = {},
): Promise<ClaimResult> {
  const result = await store.claim(key, request(overrides));
  expectEqual(result.claimed, false, 'whether the claim was granted');
  return result;
}

/** Returns an outcome, with defaults. */
export function outcome(overrides: Partial<Completion> = {}): Completion {
  const payload = new Uint8Array([123, 125]);
  return { state: 'done', codec: 'json', payload, ttlMs: DAY_MS, ...overrides };
}

/** Fails unless the values are equal: objects by their members, bytes by their content. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const shown = show(actual);
  const wanted = show(expected);
  if (shown !== wanted) throw new Error(`Cannot accept ${what}: ${shown}, wanted ${wanted}`);
  if (actual instanceof Uint8Array && expected instanceof Uint8Array) {
    const at = expected.findIndex((byte, index) => actual[index] !== byte);
    if (at >= 0) {
      throw new Error(`Cannot accept ${what}: byte ${at} is ${actual[at]}, wanted ${expected[at]}`);
    }
  }
}

/** Fails unless `holds`. */
export function expectTrue(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Cannot accept the store: wanted ${what}`);
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value);
  return `{ ${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${name}: ${showMember(member)}`)
    .join(', ')} }`;
}

const showMember = (value: unknown) =>
  value instanceof Uint8Array && value.length <= 64 ? `bytes ${value.join(' ')}` : show(value);

/** Waits until `isSo`, and fails if that takes too long. */
export async function expectSoon(isSo: () => boolean, what: string): Promise<void> {
  const endsAt = performance.now() + NOTIFIED_WITHIN_MS;
  while (!isSo()) {
    expectTrue(performance.now() < endsAt, `${what} within ${NOTIFIED_WITHIN_MS} ms`);
    await sleep(5);
  }
}
