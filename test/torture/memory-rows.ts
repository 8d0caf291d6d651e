import type { PlainStore } from './general-rows.js';

export const MEMORY: PlainStore = {
  store: 'memory',
  isOfOneProcess: true,
  missing: () => undefined,
  start: async () => ({ at: [{ kind: 'memory' }], stop: async () => {} }),
};
