import type { Store } from '../../src/store/store.js';
import type { Process, World } from './world.js';

export type StoreAction = 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';

/** The latency of a request and of a reply. */
const LATENCY_MS = 1;

/**
 * The store of a simulation, as one process sees it. A call is two actions, its effect and its reply.
 * Each may be late, be lost or fail.
 */
export function simulatedStore(world: World, process: Process): Store {
  const { store, configuration } = world;
  const { leaseMs = 300, storeTimeoutMs = 50 } = process.options;
  const delaysMs = [...new Set([storeTimeoutMs + 5, leaseMs + 5])];

  function send<T>(
    action: StoreAction,
    key: string,
    owner: string | undefined,
    effect: () => Promise<T>,
  ): Promise<T> {
    const label = process.nextLabel(action);
    world.key = key;
    world.judge.onSent(process, action, owner);
    return new Promise((resolve, reject) => {
      const addReply = (error: unknown, result: T | undefined) => {
        if (process.isCrashed) return;
        const refuse = () => reject(error ?? new Error('the connection was reset'));
        const answer = () => {
          world.judge.onReply(process, action, owner, error === undefined ? result : undefined);
          if (error === undefined) resolve(result as T);
          else refuse();
        };
        world.add({
          kind: 'reply',
          label: `${label}.reply`,
          process,
          dueMs: world.nowMs + LATENCY_MS,
          run: answer,
          faults: {
            err: () => {
              world.judge.onLostReply(owner);
              refuse();
            },
            lost: () => world.judge.onLostReply(owner),
          },
          delaysMs,
        });
      };
      const perform = async () => {
        let error: unknown;
        let result: T | undefined;
        if (action === 'complete' && configuration.refusesResults) {
          error = new Error('the result is refused');
        } else {
          try {
            result = await effect();
          } catch (thrown) {
            error = thrown ?? new Error('no reason');
          }
          const { record } = await store.read(key);
          world.judge.onEffect(process, action, owner, result, record);
        }
        addReply(error, result);
      };
      world.add({
        kind: 'effect',
        label: `${label}.effect`,
        process,
        dueMs: world.nowMs + LATENCY_MS,
        run: perform,
        faults: {
          err: () => addReply(new Error('the connection was refused'), undefined),
          lost: () => {},
        },
        delaysMs,
      });
    });
  }

  const simulated: Store = {
    name: 'simulated',
    claim: (key, request) => send('claim', key, request.owner, () => store.claim(key, request)),
    renew: (key, owner, leaseMs) =>
      send('renew', key, owner, () => store.renew(key, owner, leaseMs)),
    complete: (key, owner, completion) =>
      send('complete', key, owner, () => store.complete(key, owner, completion)),
    release: (key, owner) => send('release', key, owner, () => store.release(key, owner)),
    read: (key) => send('read', key, undefined, () => store.read(key)),
    evict: (key) => send('evict', key, undefined, () => store.evict(key)),
    close: async () => {},
  };
  if (configuration.isSilent) return simulated;
  return {
    ...simulated,
    watch: (key, notify) =>
      send('watch', key, undefined, async () => {
        const end = await store.watch?.(key, () => {
          world.add({
            kind: 'notify',
            label: process.nextLabel('notify'),
            process,
            dueMs: world.nowMs + LATENCY_MS,
            run: notify,
            faults: { lost: () => {} },
          });
        });
        return () => end?.();
      }),
  };
}
