/** What one SDK does, with and without samekey, when the fake provider fails in each way. */
import { idempotentFetch } from '../../dist/fetch/fetch.js';
import { defineIdentity } from '../../dist/index.js';
import { memoryStore } from '../../dist/store/memory.js';

/**
 * @typedef {import('../servers/llm-provider.mjs').Fault} Fault
 * @typedef {Awaited<ReturnType<ReturnType<typeof meter>['all']>>} Measurements
 */

const STATUSES = [400, 408, 409, 422, 429, 500, 501, 503, 529];
const KEY = 'idempotency-key';

/** An SDK that sends more than that repeats for a long time: one of them for an hour. */
const MANY = 20;

/** Upper bounds of waits, which are random. */
const WAITS = /** @type {const} */ ([
  [1000, 'under 1 s'],
  [2000, '1 to 2 s'],
  [10_000, '2 to 10 s'],
  [60_000, '10 to 60 s'],
  [150_000, '1 to 2.5 min'],
  [Number.POSITIVE_INFINITY, 'an hour'],
]);
const waitInWords = (/** @type {number} */ ms) => WAITS.find(([bound]) => ms <= bound)?.[1] ?? '';

/** An error by the name that a program sees, and samekey's error among its causes. */
function errorInWords(/** @type {any} */ error) {
  const name = error.name === 'Error' ? error.constructor.name : error.name;
  for (let cause = error; cause; cause = cause.cause ?? cause.lastError) {
    if (String(cause.code).startsWith('SAMEKEY_')) return `${name} (${cause.code})`;
  }
  return name;
}

/**
 * @param {import('./clients.mjs').Sdk} sdk
 * @param {Awaited<ReturnType<typeof import('./clients.mjs').load>>} open
 * @param {Awaited<ReturnType<typeof import('../servers/llm-provider.mjs').startProvider>>} provider
 * @param {ReturnType<typeof import('./clock.mjs').installClock>} clock
 * @param {typeof fetch} platformFetch
 */
export function meter(sdk, open, provider, clock, platformFetch) {
  /**
   * Opens a client of a provider that has received nothing yet.
   *
   * @param {'plain' | 'samekey' | 'hold'} how
   * @param {string} [snippet]
   * @param {import('../../dist/index.js').Identity} [identity]
   */
  function start(how, snippet, identity) {
    provider.requests.length = 0;
    const upstream = provider.fetch(platformFetch);
    const onUnknown = how === 'hold' ? 'hold' : 'retry';
    const beneath =
      how === 'plain'
        ? upstream
        : idempotentFetch({ store: memoryStore(), fetch: upstream, onUnknown, identity });
    /** @type {number[]} */
    const startedMs = [];
    /** @type {typeof fetch} */
    const attempt = async (input, init) => {
      startedMs.push(clock.nowMs());
      clock.stir();
      try {
        return await beneath(input, init);
      } finally {
        clock.stir();
      }
    };
    const client = open(attempt, snippet);
    return {
      attempts: () => startedMs.length,
      /** Between the attempts. */
      waitsMs: () => startedMs.slice(1).map((atMs, index) => atMs - (startedMs[index] ?? 0)),
      calls: () => provider.requests.length,
      /**
       * @param {Fault} fault
       * @param {(client: any) => Promise<string>} [act]
       * @param {(nextMs: number | undefined) => boolean} [whenQuiet]
       */
      async run(fault, act = sdk.ask, whenQuiet = () => false) {
        provider.state.fault = fault;
        const before = clock.nowMs();
        /** @type {string} */
        let end;
        let isAnswer = true;
        try {
          end = await clock.advance(
            () => act(client),
            (nextMs) => provider.cut() || whenQuiet(nextMs),
          );
        } catch (error) {
          isAnswer = false;
          end = errorInWords(error);
        }
        return { end, isAnswer, waitMs: clock.nowMs() - before };
      },
    };
  }

  /** Of an SDK that repeats without an end in sight, only the first calls. */
  const firstCalls = (/** @type {ReturnType<typeof start>} */ run) => () => {
    if (run.calls() > MANY) provider.state.fault = 400;
    return false;
  };

  const counted = (/** @type {ReturnType<typeof start>} */ run) =>
    run.calls() > MANY ? `over ${MANY}` : run.calls();

  const read = async (/** @type {any} */ client) => {
    let text = '';
    for await (const part of await sdk.stream(client)) text += part;
    return text;
  };

  async function retried() {
    /** @type {string[]} */
    const repeated = [];
    for (const fault of /** @type {const} */ ([...STATUSES, 'reset', 'closed'])) {
      const run = start('plain');
      const { isAnswer } = await run.run(fault, sdk.ask, firstCalls(run));
      if (isAnswer) throw new Error(`${sdk.name} takes ${fault} for an answer.`);
      if (run.calls() > 1) repeated.push(String(fault));
    }
    return repeated;
  }

  /** The attempts of one request. Every SDK that retries anything retries a 503. */
  async function attempts() {
    const { waitMs } = await start('plain').run(503, sdk.ask);
    const [first, ...others] = [...provider.requests];
    if (others.length === 0) return undefined;
    const differs = (/** @type {string} */ name) =>
      others.some(({ headers }) => headers[name] !== first?.headers[name]);
    const names = provider.requests.flatMap(({ headers }) => Object.keys(headers));
    const samekey = start('samekey');
    await samekey.run(503, sdk.ask, firstCalls(samekey));
    return {
      wait: waitInWords(waitMs),
      changedHeaders: [...new Set(names)].filter(differs).sort(),
      isBodyEqual: others.every(({ body }) => body === first?.body),
      isKeyEqual: new Set(provider.requests.map(({ headers }) => headers[KEY])).size === 1,
    };
  }

  async function lasting500() {
    const plain = start('plain');
    await plain.run(500);
    const calls = plain.calls();
    const samekey = start('samekey');
    await samekey.run(500);
    return { plain: calls, samekey: samekey.calls() };
  }

  async function waitsAfter(/** @type {number} */ seconds) {
    const run = start('plain');
    await run.run({ retryAfter: seconds });
    const shortestMs = Math.min(...run.waitsMs());
    if (shortestMs === Number.POSITIVE_INFINITY) return 'not retried';
    // Waits of their own take up to two seconds. One SDK waits for a random time from 5 to 6 s.
    return shortestMs < 4000 ? 'ignored' : `${5 * Math.round(shortestMs / 5000)} s`;
  }

  /** The connection breaks after the work is done, each time; the caller asks once more. */
  async function lostReply() {
    /** @type {Record<string, number | string>} */
    const calls = {};
    for (const how of /** @type {const} */ (['plain', 'samekey', 'hold'])) {
      const run = start(how);
      await run.run('reset', sdk.ask, firstCalls(run));
      await run.run('reset', sdk.ask, firstCalls(run));
      calls[how] = counted(run);
    }
    return calls;
  }

  /** The answer comes after the SDK's timeout, in the middle of its next attempt or the caller's. */
  async function lateAnswer() {
    let defaultMs = 0;
    let hasTimeout = true;
    let plain = start('plain');
    let end = await plain.run('late', sdk.ask, (nextMs) => {
      defaultMs ||= nextMs ?? 0;
      if (nextMs !== undefined) return false;
      hasTimeout = false;
      return provider.release();
    });
    provider.release();
    if (!hasTimeout && sdk.timeout === undefined && sdk.timed === undefined) return undefined;
    const snippet = hasTimeout ? undefined : sdk.timeout;
    const ask = hasTimeout ? sdk.ask : (sdk.timed?.ask ?? sdk.ask);
    if (!hasTimeout) {
      plain = start('plain', snippet);
      end = await plain.run('late', ask);
      provider.release();
    }
    const calls = counted(plain);

    const samekey = start('samekey', snippet);
    const answerNext = (/** @type {number} */ attempts) => () =>
      samekey.attempts() > attempts && provider.release();
    const first = await samekey.run('late', ask, answerNext(1));
    const isAskedAgain = !first.isAnswer;
    const last = isAskedAgain
      ? await samekey.run('late', ask, answerNext(samekey.attempts()))
      : first;
    return {
      defaultSeconds: hasTimeout ? defaultMs / 1000 : 'none',
      plain: calls,
      plainEnd: end.end,
      samekey: samekey.calls(),
      samekeyEnd: last.end,
      isAskedAgain,
    };
  }

  /** @param {'cutCleanly' | 'cutByReset'} fault */
  async function cut(fault) {
    const plain = await start('plain').run(fault, read);
    const run = start('samekey');
    const samekey = await run.run(fault, read);
    const calls = run.calls();
    const again = await run.run('none', read);
    return {
      plain: plain.end,
      samekey: samekey.end,
      again: again.end,
      isSentAgain: run.calls() > calls,
    };
  }

  async function equalCalls() {
    const one = start('samekey');
    const first = await one.run('none');
    const key = provider.requests[0]?.headers[KEY];
    const second = await one.run('none');
    const sequence = one.calls();
    const three = start('samekey');
    await three.run('none', async (client) =>
      (await Promise.all([sdk.ask(client), sdk.ask(client), sdk.ask(client)])).join(),
    );
    const atOnce = three.calls();
    const streams = start('samekey');
    const streamed = await streams.run('none', read);
    await streams.run('none', read);
    const streamCalls = streams.calls();
    await start('samekey').run('none');
    return {
      answer: first.end,
      replayed: second.end,
      sequence,
      atOnce,
      streamed: streamed.end,
      streams: streamCalls,
      isKeyOfInstances: key === provider.requests[0]?.headers[KEY],
    };
  }

  /** An agent of two steps, run twice. */
  async function agent() {
    const { useTool, exclude } = sdk;
    if (useTool === undefined) return undefined;
    const runTwice = async (/** @type {ReturnType<typeof start>} */ run) => {
      const { end } = await run.run('none', useTool);
      const once = run.calls();
      await run.run('none', useTool);
      return { answer: end, once, twice: run.calls() };
    };
    const result = await runTwice(start('samekey'));
    if (exclude === undefined) return result;
    const { twice } = await runTwice(start('samekey', undefined, defineIdentity({ exclude })));
    return { ...result, twiceWithIdentity: twice };
  }

  return {
    key: async () => {
      await start('samekey').run('none');
      return String(provider.requests[0]?.headers[KEY]);
    },
    all: async () => ({
      retried: await retried(),
      attempts: await attempts(),
      lasting500: await lasting500(),
      retryAfter: { 20: await waitsAfter(20), 120: await waitsAfter(120) },
      lostReply: await lostReply(),
      lateAnswer: await lateAnswer(),
      cleanCut: await cut('cutCleanly'),
      reset: await cut('cutByReset'),
      equalCalls: await equalCalls(),
      agent: await agent(),
    }),
  };
}
