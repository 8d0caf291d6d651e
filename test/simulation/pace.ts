import type { StoreAction } from './simulated-store.js';
import type { Process } from './world.js';

/** The most calls of one kind that a process has a reason to make within a third of a lease. */
const MAX_CALLS = 8;

/** Counts the recent store calls of each process: no call is repeated without a pause. */
export class Pace {
  readonly #recentMs = new Map<string, number[]>();

  faultOf(process: Process, action: StoreAction, nowMs: number): string | undefined {
    const { leaseMs = 300 } = process.options;
    const id = `${process.name}.${action}`;
    const recent = (this.#recentMs.get(id) ?? []).filter((ms) => ms > nowMs - leaseMs / 3);
    recent.push(nowMs);
    this.#recentMs.set(id, recent);
    if (recent.length <= MAX_CALLS) return undefined;
    return `${process.name} calls ${action}() ${recent.length} times in a row`;
  }
}
