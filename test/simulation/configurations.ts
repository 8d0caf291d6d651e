import { jsonCodec, type OnceOptions } from '../../src/once/index.js';
import type { Configuration, Step } from './configuration.js';

const call = (atMs: number, process = 0, more: Partial<Step & { does: 'call' }> = {}): Step => ({
  ...more,
  does: 'call',
  atMs,
  process,
});
const evict = (atMs: number, process = 0): Step => ({ does: 'evict', atMs, process });
const close = (atMs: number, process = 0): Step => ({ does: 'close', atMs, process });
const jump = (atMs: number, process: number, byMs: number): Step => ({
  does: 'jump',
  atMs,
  process,
  byMs,
});

/** Processes that have the same options. */
const alike = (count: number, options: Partial<OnceOptions> = {}) =>
  Array.from({ length: count }, () => options);

const reconciled: Partial<OnceOptions> = { onUnknown: () => ({ value: { run: 1000 } }) };

/** The codec of a process whose results the others cannot read. */
const otherCodec = { ...jsonCodec, name: 'other' };
const again: Partial<OnceOptions> = { onUnreadable: 'retry', cache: false };

/** A function that takes longer than two leases. */
const LONG = { takesMs: 700 };

/** The explored configurations. The first ones are small and find most faults. */
export const configurations: readonly Configuration[] = [
  { name: 'one call', processes: alike(1), steps: [call(0)] },
  { name: 'one call, no cache', processes: alike(1, { cache: false }), steps: [call(0), call(60)] },
  { name: 'one long call', processes: alike(1), steps: [call(0, 0, LONG)] },
  { name: 'two calls in one process', processes: alike(1), steps: [call(0), call(10)] },
  { name: 'again after the end', processes: alike(1), steps: [call(0), call(100)] },
  { name: 'two processes', processes: alike(2), steps: [call(0, 0), call(0, 1)] },
  {
    name: 'two processes, later again',
    processes: alike(2),
    steps: [call(0, 0), call(10, 1), call(900, 0), call(900, 1)],
  },
  {
    name: 'two processes, no cache',
    processes: alike(2, { cache: false }),
    steps: [call(0, 0), call(10, 1), call(900, 0)],
  },
  {
    name: 'two processes, the first is long',
    processes: alike(2),
    steps: [call(0, 0, LONG), call(10, 1)],
  },
  {
    name: 'two processes, a store that cannot tell',
    processes: alike(2),
    steps: [call(0, 0), call(10, 1)],
    isSilent: true,
  },
  {
    name: 'a pair in each of two processes',
    processes: alike(2),
    steps: [call(0, 0), call(1, 0), call(2, 1), call(3, 1)],
  },
  {
    name: 'hold',
    processes: alike(2, { onUnknown: 'hold' }),
    steps: [call(0, 0), call(10, 1), call(900, 1)],
  },
  {
    name: 'reconcile',
    processes: alike(2, reconciled),
    steps: [call(0, 0), call(10, 1), call(900, 1)],
  },
  {
    name: 'an error of unknown outcome, retry',
    processes: alike(2),
    steps: [call(0, 0, { ends: 'unknown error' }), call(10, 1), call(500, 0)],
  },
  {
    name: 'an error of unknown outcome, hold',
    processes: alike(2, { onUnknown: 'hold' }),
    steps: [call(0, 0, { ends: 'unknown error' }), call(10, 1), evict(500), call(510, 1)],
  },
  {
    name: 'reject duplicates',
    processes: alike(2, { onDuplicate: 'reject' }),
    steps: [call(0, 0), call(5, 0), call(10, 1)],
  },
  {
    name: 'waitMs',
    processes: alike(2, { waitMs: 20 }),
    steps: [call(0, 0), call(5, 0), call(10, 1)],
  },
  {
    name: 'timeoutMs',
    processes: alike(2, { timeoutMs: 100 }),
    steps: [call(0, 0, { takesMs: 150, isDeaf: true }), call(10, 1)],
  },
  {
    name: 'an error is stored',
    processes: alike(2),
    steps: [call(0, 0, { ends: 'stored error' }), call(10, 0), call(20, 1), call(100, 0)],
  },
  {
    name: 'an error is not stored',
    processes: alike(2),
    steps: [call(0, 0, { ends: 'error' }), call(10, 0), call(20, 1)],
  },
  {
    name: 'fingerprints',
    processes: alike(2),
    steps: [
      call(0, 0, { fingerprint: 'x', ...LONG }),
      call(10, 1, { fingerprint: 'y' }),
      call(750, 0, { fingerprint: 'y' }),
    ],
  },
  {
    name: 'fingerprints and evict',
    processes: alike(2),
    steps: [
      call(0, 0, { fingerprint: 'x' }),
      evict(330, 1),
      call(340, 1, { fingerprint: 'y' }),
      call(900, 0, { fingerprint: 'x' }),
    ],
  },
  {
    name: 'fingerprints and expiry',
    processes: alike(2, { ttlMs: 620 }),
    steps: [
      call(0, 0, { fingerprint: 'x' }),
      call(720, 1, { fingerprint: 'y' }),
      call(800, 0, { fingerprint: 'x' }),
    ],
  },
  {
    name: 'fresh',
    processes: alike(2),
    steps: [call(0, 0), call(100, 0, { fresh: true }), call(110, 1, { fresh: true })],
  },
  {
    name: 'fresh that fails',
    processes: alike(2),
    steps: [
      call(0, 0),
      call(100, 0, { fresh: true, ends: 'error' }),
      call(110, 1, { fresh: true }),
      call(120, 0),
    ],
  },
  {
    name: 'fresh and not, one process',
    processes: alike(1),
    steps: [call(0), call(100, 0, { fresh: true }), call(101), call(102, 0, { fresh: true })],
  },
  {
    name: 'fresh, no cache',
    processes: alike(2, { cache: false }),
    steps: [call(0, 0), call(100, 1), call(101, 1, { fresh: true }), call(300, 0)],
  },
  {
    name: 'evict',
    processes: alike(2),
    steps: [call(0, 0), evict(100, 0), call(110, 0), call(120, 1)],
  },
  {
    name: 'evict, no cache',
    processes: alike(1, { cache: false }),
    steps: [call(0), call(100), evict(101), call(106)],
  },
  {
    name: 'ttlMs',
    processes: alike(2, { ttlMs: 100 }),
    steps: [call(0, 0), call(80, 1), call(160, 1), call(170, 0)],
  },
  {
    name: 'ttlMs longer than the lease',
    processes: alike(2, { ttlMs: 700 }),
    steps: [call(0, 0), call(400, 1), call(900, 0), call(1000, 1)],
  },
  {
    name: 'a lease shorter than storeTimeoutMs',
    processes: alike(2, { leaseMs: 90, storeTimeoutMs: 200 }),
    steps: [call(0, 0, { takesMs: 150 }), call(10, 1)],
  },
  {
    name: 'run when the store fails',
    processes: alike(2, { onStoreError: 'run' }),
    steps: [call(0, 0), call(10, 1), call(100, 0), call(110, 1)],
  },
  {
    name: 'a store that refuses results',
    processes: alike(2),
    steps: [call(0, 0), call(10, 1)],
    refusesResults: true,
  },
  {
    name: 'close',
    processes: alike(2),
    steps: [call(0, 0), call(5, 1), close(20, 1), close(30, 0)],
  },
  {
    name: 'aborts, keep',
    processes: alike(1),
    steps: [call(0), call(10)],
    aborts: true,
  },
  {
    name: 'aborts, abort',
    processes: alike(1, { onAbandoned: 'abort' }),
    steps: [call(0), call(10)],
    aborts: true,
  },
  {
    name: 'aborts in two processes, keep',
    processes: alike(2),
    steps: [call(0, 0), call(5, 1), call(6, 1)],
    aborts: true,
  },
  {
    name: 'aborts in two processes, abort',
    processes: alike(2, { onAbandoned: 'abort' }),
    steps: [call(0, 0), call(5, 1), call(6, 1)],
    aborts: true,
  },
  {
    name: 'aborts and waitMs',
    processes: alike(2, { onAbandoned: 'abort', waitMs: 20 }),
    steps: [call(0, 0), call(5, 1), call(6, 0)],
    aborts: true,
  },
  {
    name: 'aborts and reject',
    processes: alike(2, { onAbandoned: 'abort', onDuplicate: 'reject' }),
    steps: [call(0, 0), call(5, 1), call(6, 0)],
    aborts: true,
  },
  {
    name: 'a wall clock that is set',
    processes: alike(2, { ttlMs: 700 }),
    steps: [call(0, 0), jump(50, 0, -3_600_000), call(400, 1), call(800, 0), call(810, 1)],
  },
  ...(['fetch', 'server'] as const).flatMap((layer): Configuration[] => [
    { name: `${layer}: one request`, layer, processes: alike(1), steps: [call(0)] },
    {
      name: `${layer}: two requests in one process`,
      layer,
      processes: alike(1),
      steps: [call(0), call(30), call(100)],
    },
    {
      name: `${layer}: two processes`,
      layer,
      processes: alike(2),
      steps: [call(0, 0), call(10, 1), call(30, 1)],
    },
    {
      name: `${layer}: no cache, evict`,
      layer,
      processes: alike(1, { cache: false }),
      steps: [call(0), call(100), evict(101), call(106)],
    },
    {
      name: `${layer}: hold`,
      layer,
      processes: alike(2, { onUnknown: 'hold' }),
      steps: [call(0, 0), call(10, 1)],
    },
    {
      name: `${layer}: a response that breaks off`,
      layer,
      processes: alike(2),
      steps: [call(0, 0, { ends: 'broken' }), call(30, 0), call(35, 1)],
    },
    {
      name: `${layer}: a response that is not kept`,
      layer,
      processes: alike(2),
      steps: [call(0, 0, { ends: 'status 500' }), call(30, 0), call(35, 1)],
    },
    {
      name: `${layer}: an error`,
      layer,
      processes: alike(2),
      steps: [call(0, 0, { ends: 'error' }), call(10, 0), call(15, 1)],
    },
    {
      name: `${layer}: payloads`,
      layer,
      processes: alike(2),
      steps: [
        call(0, 0, { fingerprint: 'x' }),
        evict(330, 1),
        call(340, 1, { fingerprint: 'y' }),
        call(700, 0, { fingerprint: 'x' }),
      ],
    },
    {
      name: `${layer}: payloads in one process`,
      layer,
      processes: alike(1),
      steps: [call(0, 0, { fingerprint: 'x' }), call(10, 0, { fingerprint: 'y' })],
    },
    {
      name: `${layer}: reject duplicates`,
      layer,
      processes: alike(2, { onDuplicate: 'reject' }),
      steps: [call(0, 0), call(5, 0), call(10, 1)],
    },
    {
      name: `${layer}: run when the store fails`,
      layer,
      processes: alike(1, { onStoreError: 'run' }),
      steps: [call(0), call(30), call(100)],
    },
    {
      name: `${layer}: a store that refuses results`,
      layer,
      processes: alike(2),
      steps: [call(0, 0), call(10, 1)],
      refusesResults: true,
    },
    { name: `${layer}: close`, layer, processes: alike(1), steps: [call(0), call(10), close(20)] },
    {
      name: `${layer}: aborts, keep`,
      layer,
      processes: alike(1),
      steps: [call(0), call(30)],
      aborts: true,
    },
    {
      name: `${layer}: aborts, abort`,
      layer,
      processes: alike(1, { onAbandoned: 'abort' }),
      steps: [call(0), call(30)],
      aborts: true,
    },
    {
      name: `${layer}: aborts in two processes`,
      layer,
      processes: alike(2, { onAbandoned: 'abort' }),
      steps: [call(0, 0), call(5, 1), call(6, 1)],
      aborts: true,
    },
  ]),
  {
    name: 'fetch: fresh',
    layer: 'fetch',
    processes: alike(2),
    steps: [call(0, 0), call(100, 0, { fresh: true }), call(105, 0), call(110, 1, { fresh: true })],
  },
  {
    name: 'fetch: fresh that fails',
    layer: 'fetch',
    processes: alike(2),
    steps: [
      call(0, 0),
      call(100, 0, { fresh: true, ends: 'error' }),
      call(110, 1, { fresh: true }),
    ],
  },
  {
    name: 'a result that cannot be read, retry',
    processes: [{ codec: otherCodec }, again, again],
    steps: [call(0, 0), call(200, 1), call(200, 2), call(400, 2)],
  },
];
