import type { OnceEvent, OnceOptions } from '../../src/once/index.js';
import {
  type Client,
  type Functions,
  fetchClient,
  KEY,
  onceClient,
  type RunContext,
  serverClient,
} from './clients.js';
import type { FunctionPlan, Step } from './configuration.js';
import type { Call, Run } from './observed.js';
import { simulatedStore } from './simulated-store.js';
import type { Process, World } from './world.js';

class FunctionError extends Error {
  readonly kind: string;
  constructor(kind: string) {
    super(kind);
    this.kind = kind;
  }
}

const isOfKind = (kind: string) => (error: unknown) => (error as FunctionError).kind === kind;

/** Starts every process and schedules the steps of the programs. */
export function begin(world: World): void {
  for (const process of world.processes) {
    world.current = process;
    process.client = clientOf(world, process);
  }
  world.current = undefined;
  for (const step of world.configuration.steps) addStep(world, step);
}

function clientOf(world: World, process: Process): Client {
  const functions: Functions = {
    value: (call, context) => giveValue(world, startRun(world, call, context)),
    response: (call, context) => giveResponse(world, startRun(world, call, context)),
  };
  const unknownErrors = isOfKind('unknown error');
  const options: OnceOptions = {
    leaseMs: 300,
    storeTimeoutMs: 50,
    ttlMs: 60_000,
    cache: { maxEntries: 4 },
    ...process.options,
    store: simulatedStore(world, process),
    onEvent: (event: OnceEvent) => world.judge.onEvent(process, event),
  };
  switch (world.configuration.layer) {
    case 'fetch':
      return fetchClient({ unknownErrors, ...options }, functions);
    case 'server':
      return serverClient(options, functions);
    default:
      return onceClient(
        { storeErrors: isOfKind('stored error'), unknownErrors, ...options },
        functions,
      );
  }
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
  const made: Call = {
    label,
    process,
    plan: { takesMs: 40, ...plan },
    fingerprint,
    fresh,
    startedAt: world.sequence,
    startedAtMs: world.nowMs,
    controller: world.configuration.aborts ? new AbortController() : undefined,
    reason: new Error(`${label} was aborted`),
    abortedAt: undefined,
    answeredAt: undefined,
    answer: undefined,
    error: undefined,
    own: undefined,
  };
  world.judge.onCalled(made);
  process.client.call(made).then(
    (answer) => {
      made.answer = answer;
      world.judge.onAnswer(made);
    },
    (error) => {
      made.error = error;
      world.judge.onAnswer(made);
    },
  );
}

function startRun(world: World, call: Call, { signal, attempt, token }: RunContext): Run {
  const claim = world.judge.claimToRun(call.process);
  const run: Run = {
    number: world.judge.runs.length + 1,
    process: call.process,
    call,
    plan: call.plan,
    token: token ?? claim?.token ?? 0,
    attempt: attempt ?? claim?.attempt ?? 1,
    signal,
    startedAt: world.sequence,
    endedAt: undefined,
    hasValue: undefined,
    keptAt: undefined,
    keptAtMs: undefined,
    toldAt: undefined,
  };
  world.judge.onRunStarted(run);
  return run;
}

/** How late a function may end. */
function delaysOf({ options }: Process): number[] {
  const { leaseMs = 300, timeoutMs } = options;
  return [leaseMs + 5, ...(timeoutMs === undefined ? [] : [timeoutMs + 5])];
}

/** Schedules a step of a function, unless the function has ended. */
function addPart(
  world: World,
  run: Run,
  name: string,
  afterMs: number,
  does: () => void,
  fail: (error: unknown) => void,
): void {
  const { process, number } = run;
  const unlessEnded = (act: () => void) => () => {
    if (run.endedAt === undefined) act();
  };
  world.add({
    kind: 'end',
    label: `${process.name}.run${number}.${name}`,
    process,
    dueMs: world.nowMs + afterMs,
    run: unlessEnded(does),
    faults: { fail: unlessEnded(() => fail(new FunctionError('error'))) },
    delaysMs: delaysOf(process),
  });
}

function failWhenAborted(world: World, run: Run, fail: (error: unknown) => void): void {
  const { process, number, signal, plan } = run;
  if (plan.isDeaf) return;
  signal.addEventListener('abort', () => {
    world.add({
      kind: 'end',
      label: `${process.name}.run${number}.aborted`,
      process,
      dueMs: world.nowMs + 1,
      run: () => {
        if (run.endedAt === undefined) fail(signal.reason);
      },
    });
  });
}

/** The error with which a plan ends, if any. */
const errorOf = ({ ends = 'value' }: FunctionPlan) =>
  ends === 'value' || ends === 'broken' || ends === 'status 500'
    ? undefined
    : new FunctionError(ends);

function giveValue(world: World, run: Run): Promise<{ run: number }> {
  const { plan, number } = run;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      world.judge.onRunEnded(run, false);
      reject(error);
    };
    const end = () => {
      const error = errorOf(plan);
      if (error !== undefined) return fail(error);
      world.judge.onRunEnded(run, true);
      resolve({ run: number });
    };
    if (plan.ends !== 'never') addPart(world, run, 'end', plan.takesMs, end, fail);
    failWhenAborted(world, run, fail);
  });
}

/** A response whose head arrives after half of the time, and whose body arrives in two chunks. */
function giveResponse(world: World, run: Run): Promise<Response> {
  const { plan, number } = run;
  const halfMs = Math.ceil(plan.takesMs / 2);
  const status = plan.ends === 'status 500' ? 500 : 200;
  const encoder = new TextEncoder();
  return new Promise((resolve, reject) => {
    let source: ReadableStreamDefaultController<Uint8Array> | undefined;
    const fail = (error: unknown) => {
      world.judge.onRunEnded(run, false);
      reject(error);
      source?.error(error);
    };
    const head = () => {
      const error = errorOf(plan);
      if (error !== undefined) return fail(error);
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          source = controller;
        },
        cancel: () => {
          if (run.endedAt === undefined) world.judge.onRunEnded(run, false);
        },
      });
      resolve(new Response(body, { status, headers: { 'content-type': 'application/json' } }));
      source?.enqueue(encoder.encode('{"run":'));
      if (plan.ends !== 'never') addPart(world, run, 'end', halfMs, end, fail);
    };
    const end = () => {
      if (plan.ends === 'broken') return fail(new FunctionError('unknown error'));
      world.judge.onRunEnded(run, status === 200);
      source?.enqueue(encoder.encode(`${number}}`));
      source?.close();
    };
    addPart(world, run, 'head', halfMs, head, fail);
    failWhenAborted(world, run, fail);
  });
}

export function abort(world: World, call: Call): void {
  world.judge.onAborted(call);
  call.controller?.abort(call.reason);
}

function evict(world: World, process: Process): void {
  if (world.judge.isClosed(process)) return;
  process.evictCount++;
  process.client.evict(world.key ?? KEY).then(
    (isGone) => {
      process.evictCount--;
      world.judge.onEvicted(process, isGone);
    },
    () => {
      process.evictCount--;
    },
  );
}

export function close(world: World, process: Process): void {
  process.client.close().then(() => world.judge.onClosed(process));
}
