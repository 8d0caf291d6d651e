import { createOnce, type OnceEvent } from '../../src/once/index.js';
import type { FunctionPlan, Step } from './configuration.js';
import type { Call, Run } from './judge.js';
import { simulatedStore } from './simulated-store.js';
import type { Process, World } from './world.js';

const KEY = '00000000-0000-4000-8000-000000000001';

class FunctionError extends Error {
  readonly kind: string;
  constructor(kind: string) {
    super(kind);
    this.kind = kind;
  }
}

const isOfKind = (kind: string) => (error: unknown) => (error as FunctionError).kind === kind;

/** Starts every process, and puts on the agenda what the programs do. */
export function begin(world: World): void {
  for (const process of world.processes) {
    world.current = process;
    process.once = createOnce({
      leaseMs: 300,
      storeTimeoutMs: 50,
      ttlMs: 60_000,
      cache: { maxEntries: 4 },
      unknownErrors: isOfKind('unknown error'),
      storeErrors: isOfKind('stored error'),
      ...process.options,
      store: simulatedStore(world, process),
      onEvent: (event: OnceEvent) => world.judge.onEvent(process, event),
    });
  }
  world.current = undefined;
  for (const step of world.configuration.steps) addStep(world, step);
}

function addStep(world: World, step: Step): void {
  const process = world.processes[step.process ?? 0] as Process;
  const { does, atMs } = step;
  const label = does === 'call' ? process.nextLabel('c') : process.nextLabel(does);
  const { leaseMs = 300 } = process.options;
  world.add({
    kind: does,
    label,
    process,
    dueMs: atMs,
    delaysMs: [leaseMs + 5],
    run: () => {
      if (step.does === 'call') call(world, process, label, step);
      else if (step.does === 'evict') evict(world, process);
      else if (step.does === 'close') close(world, process);
      else process.wallOffsetMs += step.byMs;
    },
  });
}

function call(world: World, process: Process, label: string, plan: Step & { does: 'call' }): void {
  const { fingerprint, fresh = false } = plan;
  const controller = world.configuration.aborts ? new AbortController() : undefined;
  const made: Call = {
    label,
    process,
    fingerprint,
    fresh,
    startedAt: world.sequence,
    startedAtMs: world.nowMs,
    controller,
    reason: new Error(`${label} was aborted`),
    abortedAt: undefined,
    answeredAt: undefined,
    answer: undefined,
    error: undefined,
    own: undefined,
  };
  world.judge.onCalled(made);
  const options = {
    fresh,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(controller && { signal: controller.signal }),
  };
  process.once
    .detailed(
      KEY,
      (context) => run(world, process, made, { takesMs: 40, ...plan }, context),
      options,
    )
    .then(
      ({ value, outcome, layer }) => {
        made.answer = { run: value.run, outcome, layer };
        world.judge.onAnswer(made);
      },
      (error) => {
        made.error = error;
        world.judge.onAnswer(made);
      },
    );
}

function run(
  world: World,
  process: Process,
  call: Call,
  plan: FunctionPlan,
  context: { signal: AbortSignal; attempt: number; fencingToken: number },
): Promise<{ run: number }> {
  const { signal, attempt, fencingToken: token } = context;
  const made: Run = {
    number: world.judge.runs.length + 1,
    process,
    call,
    plan,
    token,
    attempt,
    signal,
    startedAt: world.sequence,
    endedAt: undefined,
    hasValue: undefined,
    keptAt: undefined,
    keptAtMs: undefined,
    toldAt: undefined,
  };
  world.judge.onRunStarted(made);
  const { leaseMs = 300, timeoutMs } = process.options;
  return new Promise((resolve, reject) => {
    const label = `${process.name}.run${made.number}`;
    const fail = (error: unknown) => {
      if (made.endedAt !== undefined) return;
      world.judge.onRunEnded(made, false);
      reject(error);
    };
    const end = () => {
      if (made.endedAt !== undefined) return;
      if (plan.ends !== undefined && plan.ends !== 'value')
        return fail(new FunctionError(plan.ends));
      world.judge.onRunEnded(made, true);
      resolve({ run: made.number });
    };
    if (plan.ends !== 'never') {
      world.add({
        kind: 'end',
        label: `${label}.end`,
        process,
        dueMs: world.nowMs + plan.takesMs,
        run: end,
        faults: { fail: () => fail(new FunctionError('error')) },
        delaysMs: [leaseMs + 5, ...(timeoutMs === undefined ? [] : [timeoutMs + 5])],
      });
    }
    if (plan.isDeaf) return;
    signal.addEventListener('abort', () => {
      world.add({
        kind: 'end',
        label: `${label}.aborted`,
        process,
        dueMs: world.nowMs + 1,
        run: () => fail(signal.reason),
      });
    });
  });
}

export function abort(world: World, call: Call): void {
  world.judge.onAborted(call);
  call.controller?.abort(call.reason);
}

function evict(world: World, process: Process): void {
  process.once.evict(KEY).then(
    (isGone) => world.judge.onEvicted(process, isGone),
    () => {},
  );
}

export function close(world: World, process: Process): void {
  process.once.close().then(() => world.judge.onClosed(process));
}
