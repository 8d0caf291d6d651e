/**
 * Loaded before a measured program by `node --expose-gc --import`. Answers messages over IPC with the
 * memory of the process, and with a census of what is alive in it.
 */
import { Session } from 'node:inspector';

process.on('message', async (/** @type {any} */ message) => {
  if (message.probe === 'memory') process.send?.({ id: message.id, ...memory() });
  if (message.probe === 'census') process.send?.({ id: message.id, ...(await census()) });
});
// The program ends by its own signals; without its parent it would run on.
process.on('disconnect', () => process.exit());

function memory() {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { heapBytes: heapUsed + external };
}

/** Runs in the process, on the array of all living objects of a class. */
const COUNTS = {
  timers: {
    of: 'Object.getPrototypeOf(globalThis.samekeyProbe.timer)',
    count:
      'function () { return this.filter((each) => !each._destroyed && each._idleTimeout > 0).length; }',
  },
  sockets: {
    of: 'globalThis.samekeyProbe.Socket.prototype',
    count: 'function () { return this.filter((each) => each._handle && !each.destroyed).length; }',
  },
  emitters: {
    of: 'globalThis.samekeyProbe.EventEmitter.prototype',
    count: 'function () { return this.length; }',
  },
  listeners: {
    of: 'globalThis.samekeyProbe.EventEmitter.prototype',
    // By class, so that a leak has a name.
    count: `function () {
      const counts = {};
      for (const each of this) {
        const name = each.constructor?.name ?? '';
        for (const listeners of Object.values(each._events ?? {})) {
          counts[name] = (counts[name] ?? 0) + (typeof listeners === 'function' ? 1 : (listeners?.length ?? 0));
        }
      }
      return counts;
    }`,
  },
  signals: {
    of: 'AbortSignal.prototype',
    count: 'function () { return this.length; }',
  },
  signalListeners: {
    of: 'EventTarget.prototype',
    count: `function () {
      let sum = 0;
      for (const each of this) {
        const name = Object.getOwnPropertySymbols(each).find((symbol) => symbol.description === 'kEvents');
        for (const root of each[name]?.values() ?? []) sum += root.size ?? 0;
      }
      return sum;
    }`,
  },
  promises: { of: 'Promise.prototype', count: 'function () { return this.length; }' },
};

/** Collects garbage and counts the living objects, by the inspector of this process. */
async function census() {
  const { Socket } = await import('node:net');
  const { EventEmitter } = await import('node:events');
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  Object.assign(globalThis, { samekeyProbe: { timer, Socket, EventEmitter } });
  globalThis.gc?.();
  const session = new Session();
  session.connect();
  const counts = Object.fromEntries(
    Object.entries(COUNTS).map(([name, { of, count }]) => [name, countIn(session, of, count)]),
  );
  session.disconnect();
  delete (/** @type {any} */ (globalThis).samekeyProbe);
  return { counts };
}

/**
 * @param {Session} session
 * @param {string} prototype
 * @param {string} count
 * @returns {number | Record<string, number>}
 */
function countIn(session, prototype, count) {
  const group = { objectGroup: 'census' };
  const found = post(session, 'Runtime.evaluate', { expression: prototype, ...group });
  const { objects } = post(session, 'Runtime.queryObjects', {
    prototypeObjectId: found.result.objectId,
    ...group,
  });
  const { result } = post(session, 'Runtime.callFunctionOn', {
    functionDeclaration: count,
    objectId: objects.objectId,
    returnByValue: true,
  });
  post(session, 'Runtime.releaseObjectGroup', group);
  return result.value;
}

/**
 * The inspector of the own thread answers before `post` returns.
 *
 * @param {Session} session
 * @param {string} method
 * @param {object} params
 * @returns {any}
 */
function post(session, method, params) {
  let answer;
  session.post(method, params, (error, result) => {
    if (error) throw new Error(`${method}: ${error.message}`);
    answer = result;
  });
  return answer;
}
