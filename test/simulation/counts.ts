import type { Call, Run } from './observed.js';
import type { Process } from './world.js';

/** The member of `stats()` that counts each type of event. */
const COUNTED = {
  executed: 'executed',
  failed: 'failed',
  joined: 'joined',
  replayed: 'replayed',
  conflict: 'conflicts',
  mismatch: 'mismatches',
  leaseLost: 'leasesLost',
  unknown: 'unknown',
  storeError: 'storeErrors',
} as const;

interface Observed {
  readonly runs: readonly Run[];
  readonly calls: readonly Call[];
  /** A response may break off after a caller has joined it. */
  readonly hasResponses: boolean;
}

/** Compares the events of a process with its `stats()`, its runs and its callers. */
export function countFaultOf(process: Process, observed: Observed): string | undefined {
  const { name, events, client } = process;
  const stats = client.stats();
  for (const [type, member] of Object.entries(COUNTED)) {
    const emitted = events.filter((event) => event.type === type).length;
    if (stats[member] !== emitted) return `${name} counts ${stats[member]} ${type} of ${emitted}`;
  }
  if (stats.inFlight !== 0) return `${name} has ${stats.inFlight} in flight`;
  const count = (...types: string[]) => events.filter(({ type }) => types.includes(type)).length;
  const runs = observed.runs.filter((run) => run.process === process);
  const reported = runs.filter(({ toldAt }) => toldAt !== undefined).length;
  const ends = count('executed', 'failed', 'leaseLost');
  if (reported !== runs.length || ends < runs.length) {
    return `${name} has ${runs.length} runs, and events of ${reported}`;
  }
  const calls = observed.calls.filter((call) => call.process === process);
  const duplicates = calls.filter(
    ({ answer, error }) =>
      (answer !== undefined && answer.outcome !== 'executed') ||
      (error as { replayed?: boolean } | undefined)?.replayed === true,
  ).length;
  const duplicateEvents = count('joined', 'replayed');
  const { hasResponses } = observed;
  if (hasResponses ? duplicates > duplicateEvents : duplicates !== duplicateEvents) {
    return `${name} has ${duplicates} duplicates, and ${duplicateEvents} events of duplicates`;
  }
  const executed = calls.filter(({ answer }) => answer?.outcome === 'executed').length;
  if (!hasResponses && executed > count('executed')) {
    return `${name} has ${executed} calls that executed, and fewer events`;
  }
  return undefined;
}
