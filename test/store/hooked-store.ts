import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

type Action = 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';

/** Is called instead of an action; `call` carries it out. */
export type Hook = (call: () => Promise<unknown>, key: string) => Promise<unknown>;

/** The memory store, whose actions a test delays, refuses or answers otherwise. */
export function hookedStore(
  hooks: Partial<Record<Action, Hook>>,
  behind: Store = memoryStore(),
): Store {
  return new Proxy(behind, {
    get(store, name) {
      const member = Reflect.get(store, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const call = () => member.apply(store, args);
        const hook = hooks[name as Action];
        return hook === undefined ? call() : hook(call, args[0] as string);
      };
    },
  });
}

/** A promise, and what settles it. */
export function latch<T = void>() {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
