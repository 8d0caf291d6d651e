import { createHash } from 'node:crypto';
import type {
  Bucket,
  CallOutcome,
  KeyRow,
  LiveMessage,
  OutcomeCounts,
  Overview,
  RecordDetail,
  RecordRow,
} from '../../src/dashboard/messages.js';

/** A key of samekey, always the same for the same text. */
export const keyFor = (text: string) => `ik_${createHash('sha256').update(text).digest('hex')}`;

/** 14:05 on a Monday, so that pictures are always the same. */
export const NOON_MS = Date.UTC(2026, 10, 30, 14, 5, 0);

export const OVERVIEW: Overview = {
  version: '0.1.0',
  source: 'proxy',
  storeName: 'redis',
  storeAddress: 'redis://cache.internal:6379/0',
  allowEvict: true,
  hasCalls: true,
  bucketMs: 5000,
  maxBuckets: 720,
};

export const NO_COUNTS: OutcomeCounts = {
  executed: 0,
  joined: 0,
  replayed: 0,
  failed: 0,
  unknown: 0,
  refused: 0,
};

/** How often each outcome is, in 1000 calls. */
const SHARES: readonly (readonly [CallOutcome, number])[] = [
  ['executed', 412],
  ['joined', 96],
  ['replayed', 461],
  ['failed', 19],
  ['unknown', 3],
  ['refused', 9],
];

/** A sequence of numbers from 0 to 1, always the same for a seed. */
export function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The counts of `callCount` calls. */
export function countsOf(callCount: number, random: () => number): OutcomeCounts {
  const counts: Record<CallOutcome, number> = { ...NO_COUNTS };
  for (let call = 0; call < callCount; call++) {
    let at = random() * 1000;
    const found = SHARES.find(([, share]) => {
      at -= share;
      return at < 0;
    });
    counts[found?.[0] ?? 'executed']++;
  }
  return counts;
}

/** The buckets before `nowMs`, with waves as a day has them. */
export function bucketsUntil(nowMs: number, count: number, callsPerBucket: number): Bucket[] {
  const random = sequence(7);
  const last = Math.floor(nowMs / OVERVIEW.bucketMs) * OVERVIEW.bucketMs;
  return Array.from({ length: count }, (_, at) => {
    const startMs = last - (count - 1 - at) * OVERVIEW.bucketMs;
    const wave = 1 + 0.45 * Math.sin(at / 90) + 0.25 * Math.sin(at / 13);
    return {
      startMs,
      counts: countsOf(Math.round(callsPerBucket * wave * (0.75 + 0.5 * random())), random),
    };
  });
}

const MODELS = ['claude-sonnet-4-5', 'gpt-5.1', 'gemini-2.5-pro', 'claude-haiku-4-5'];

const keyRows = (name: string, length: number): KeyRow[] =>
  Array.from({ length }, (_, at) => ({
    key: keyFor(`${name} ${at}`),
    calls: 3 + ((at * 7) % 19),
    runMs: Math.round(96_000 / (at + 1.3)),
    model: MODELS[at % MODELS.length],
  }));

export function runningRow(at: number, nowMs: number, name = `running ${at}`): RecordRow {
  return {
    key: keyFor(name),
    state: 'running',
    attempt: at % 5 === 4 ? 2 : 1,
    claimedAtMs: nowMs - 61_000 + at * 2900,
    finishedAtMs: undefined,
    leaseEndsAtMs: nowMs + 30_000 - ((at * 3700) % 29_000),
    expiresAtMs: nowMs + 86_400_000,
    payloadBytes: undefined,
  };
}

export function unknownRow(at: number, nowMs: number, name = `unknown ${at}`): RecordRow {
  return {
    ...runningRow(at, nowMs, name),
    state: 'unknown',
    claimedAtMs: nowMs - 1_900_000 + at * 400_000,
    leaseEndsAtMs: nowMs - 1_870_000 + at * 400_000,
    expiresAtMs: nowMs + 80_000_000,
  };
}

export function doneRow(key: string, at: number, nowMs: number): RecordRow {
  const claimedAtMs = nowMs - 40_000 - at * 830;
  return {
    key,
    state: at % 37 === 36 ? 'failed' : 'done',
    attempt: at % 11 === 10 ? 2 : 1,
    claimedAtMs,
    finishedAtMs: claimedAtMs + 2300,
    leaseEndsAtMs: undefined,
    expiresAtMs: claimedAtMs + 86_400_000,
    payloadBytes: 900 + ((at * 7919) % 48_000),
  };
}

/** A busy proxy. */
export function busyMessage(nowMs: number): LiveMessage {
  const buckets = bucketsUntil(nowMs, 720, 70);
  return {
    nowMs,
    buckets,
    totals: {
      executed: 41_207,
      joined: 9_631,
      replayed: 46_118,
      failed: 1_904,
      unknown: 312,
      refused: 902,
    },
    savings: {
      calls: 55_749,
      inputTokens: 7_411_902,
      outputTokens: 1_803_377,
      costs: [{ currency: 'USD', cost: 1284.37 }],
    },
    slowest: keyRows('slow', 12),
    repeatedWarm: keyRows('warm', 7).map((row, at) => ({
      ...row,
      temperature: [0.7, 1, 0.2][at % 3],
    })),
    running: Array.from({ length: 18 }, (_, at) => runningRow(at, nowMs)),
    runningCount: 18,
    unknown: Array.from({ length: 3 }, (_, at) => unknownRow(at, nowMs)),
    unknownCount: 3,
    recordCount: 100_000,
    recordBytes: 2_418_000_000,
    isWhole: true,
    storeFault: undefined,
  };
}

/** A server to which nothing has happened. */
export function emptyMessage(nowMs: number): LiveMessage {
  return {
    nowMs,
    buckets: [],
    totals: NO_COUNTS,
    savings: { calls: 0, inputTokens: 0, outputTokens: 0, costs: [] },
    slowest: [],
    repeatedWarm: [],
    running: [],
    runningCount: 0,
    unknown: [],
    unknownCount: 0,
    recordCount: 0,
    recordBytes: 0,
    isWhole: true,
    storeFault: undefined,
  };
}

/** A store alone: its records are known, and nobody counts calls. */
export function storeMessage(nowMs: number): LiveMessage {
  const { running, runningCount, unknown, unknownCount, recordCount, recordBytes } =
    busyMessage(nowMs);
  return {
    ...emptyMessage(nowMs),
    running,
    runningCount,
    unknown,
    unknownCount,
    recordCount,
    recordBytes,
  };
}

const ANSWER = {
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5',
  content: [
    {
      type: 'text',
      text: 'The invoice lists 14 items. Two of them, lines 6 and 11, have a quantity that differs from the delivery note: 40 instead of 36, and 12 instead of 10.',
    },
  ],
  stop_reason: 'end_turn',
  usage: { input_tokens: 2143, output_tokens: 61 },
};

/** A record of which everything is known. */
export function detailOf(row: RecordRow, nowMs: number): RecordDetail {
  const isStored = row.state === 'done';
  const text = isStored ? JSON.stringify(ANSWER, null, 2) : undefined;
  return {
    ...row,
    payloadBytes: text?.length,
    nowMs,
    owner: 'worker-3:5124:9f1c',
    fencingToken: 18_442,
    fingerprint: undefined,
    codec: isStored ? 'response' : undefined,
    keyId: undefined,
    head: isStored
      ? {
          status: 200,
          headers: [
            ['content-type', 'application/json'],
            ['request-id', 'req_011CSHoEeqs5C35K2UUqR7Fy'],
            ['anthropic-ratelimit-requests-remaining', '3998'],
          ],
        }
      : undefined,
    text,
    hex: undefined,
    isCut: false,
  };
}
