import type { Configuration } from './configuration.js';
import type { Invariant } from './observed.js';
import { abort, begin, close } from './program.js';
import { type Action, World } from './world.js';

/** A deviation: another event in place of the action that was due. */
export interface Deviation {
  readonly at: string;
  readonly does: string;
}

export interface Result {
  readonly violation: { readonly invariant: Invariant; readonly text: string } | undefined;
  /** The deviations that were applied. */
  readonly deviations: readonly Deviation[];
  readonly actionCount: number;
  readonly log: readonly string[] | undefined;
}

/** Chooses one of the alternatives to an action, or none. */
export type Chooser = (at: string, alternatives: () => string[]) => string | undefined;

export interface Watch {
  /** Whether the log lists every action. */
  readonly isLogged?: boolean;
  /** Receives the hash of every state. */
  readonly states?: Set<number>;
}

/** A schedule with more actions counts as endless. */
const MOST_ACTIONS = 500;

/** The actions that happen in a process, not in the store. */
const isInProcess = ({ kind }: Action) => kind !== 'effect';

/** Runs one schedule to its end. */
export async function runSchedule(
  configuration: Configuration,
  choose: Chooser,
  { isLogged = false, states }: Watch = {},
): Promise<Result> {
  const world = new World(configuration, isLogged);
  const uninstall = world.install();
  const onUnhandled = (error: unknown) =>
    world.judge.violate('no unhandled rejection', String(error));
  process.on('unhandledRejection', onUnhandled);
  const deviations: Deviation[] = [];
  let actionCount = 0;
  try {
    begin(world);
    let isClosing = false;
    while (world.judge.violation === undefined) {
      const front = world.front();
      if (front === undefined) {
        if (isClosing) break;
        isClosing = true;
        closeAll(world);
        await world.settle();
        continue;
      }
      if (++actionCount > MOST_ACTIONS) break;
      world.nowMs = Math.max(world.nowMs, front.dueMs);
      const does = isClosing ? undefined : choose(front.label, alternativesOf(world, front));
      if (does === undefined) {
        world.perform(front);
      } else {
        deviations.push({ at: front.label, does });
        world.say(`-- ${front.label}: ${does}`);
        deviate(world, front, does);
      }
      await world.settle();
      world.judge.afterAction();
      states?.add(world.stateHash());
    }
    if (world.judge.violation === undefined) world.judge.atEnd(actionCount <= MOST_ACTIONS);
  } finally {
    world.end();
    uninstall();
    process.off('unhandledRejection', onUnhandled);
  }
  return { violation: world.judge.violation, deviations, actionCount, log: world.log };
}

function closeAll(world: World): void {
  for (const process of world.processes) {
    if (process.isCrashed || world.judge.isClosed(process)) continue;
    world.sequence++;
    world.current = process;
    close(world, process);
  }
}

/** The alternatives to `front` at this point. */
const alternativesOf = (world: World, front: Action) => (): string[] => {
  const found: string[] = [];
  const { process, kind } = front;
  for (const fault of Object.keys(front.faults ?? {})) found.push(fault);
  for (const delayMs of front.delaysMs ?? []) found.push(`late ${delayMs}`);
  for (const other of world.pending) {
    if (other === front || !world.isEnabled(other) || !isFree(world, other)) continue;
    // Two independent actions have the same effect in either order.
    const touches = isInProcess(front) ? other.process === process : other.kind === 'effect';
    if (touches && isInProcess(front) === isInProcess(other)) {
      found.push(`first ${other.label}`);
      if (isInProcess(front) && other.kind !== 'resume' && kind !== 'resume') {
        found.push(`with ${other.label}`);
      }
    }
  }
  if (!isInProcess(front) || kind === 'resume') return found;
  const { leaseMs = 300 } = process.options;
  found.push('crash', `pause ${leaseMs + 50}`);
  for (const call of world.judge.calls) {
    if (call.controller === undefined || call.process !== process) continue;
    if (call.answeredAt !== undefined || call.abortedAt !== undefined) continue;
    found.push(`abort ${call.label}`, `abort ${call.label} and`, `and abort ${call.label}`);
  }
  // A call and its abort in one tick.
  if (kind === 'call' && world.configuration.aborts) found.push('and abort itself');
  return found;
};

/** Whether an action may happen before its time: a timer never does. */
const isFree = (world: World, { kind, dueMs }: Action) =>
  (kind !== 'timer' && kind !== 'resume') || dueMs <= world.nowMs;

function deviate(world: World, front: Action, does: string): void {
  const [word, name = '', and] = does.split(' ');
  const { process, faults } = front;
  const find = (label: string | undefined) =>
    world.pending.find((action) => action.label === label) as Action;
  const callNamed = (label: string | undefined) =>
    world.judge.calls.find((call) => call.label === label) as (typeof world.judge.calls)[number];
  const fault = faults?.[does];
  if (fault !== undefined) {
    world.judge.faultCount++;
    if (front.label.includes('.renew')) world.judge.renewFaultCount++;
    world.perform(front, fault);
  } else if (word === 'late') {
    world.judge.faultCount++;
    if (front.label.includes('.renew')) world.judge.renewFaultCount++;
    world.delay(front, Number(name));
  } else if (word === 'first') {
    world.perform(find(name));
  } else if (word === 'with') {
    const second = find(name);
    world.perform(front);
    world.perform(second);
  } else if (word === 'crash') {
    world.judge.faultCount++;
    world.crash(process);
  } else if (word === 'pause') {
    world.judge.pauseCount++;
    world.pause(process, Number(name));
  } else if (word === 'abort') {
    world.sequence++;
    world.current = process;
    abort(world, callNamed(name));
    if (and === 'and') world.perform(front);
  } else if (word === 'and') {
    world.perform(front);
    world.sequence++;
    abort(world, callNamed(and === 'itself' ? front.label.replaceAll("'", '') : and));
  } else {
    throw new Error(`Cannot do "${does}" at ${front.label}`);
  }
}
