/** Wraps a store and records which claims it granted and which its owners ended. */
export function recordingStore(store, write, clockMs) {
  const inherited = Object.create(store);
  return Object.assign(inherited, {
    name: store.name,
    async claim(key, request) {
      const sentAt = clockMs();
      const result = await store.claim(key, request);
      if (result.claimed) {
        const { owner, leaseMs, takeFinished } = request;
        const token = result.record.fencingToken;
        write({ type: 'claim', key, owner, token, sentAt, leaseMs, takesFinished: takeFinished });
      }
      return result;
    },
    async renew(key, owner, leaseMs) {
      const sentAt = clockMs();
      if (leaseMs === 0) write({ type: 'ending', key, owner });
      const isOwned = await store.renew(key, owner, leaseMs);
      if (isOwned && leaseMs > 0) write({ type: 'renewed', key, owner, sentAt, leaseMs });
      return isOwned;
    },
    async complete(key, owner, completion) {
      const sentAt = clockMs();
      write({ type: 'ending', key, owner });
      const isKept = await store.complete(key, owner, completion);
      write({ type: 'completed', key, owner, sentAt, isKept });
      return isKept;
    },
    release(key, owner) {
      write({ type: 'ending', key, owner });
      return store.release(key, owner);
    },
    read: (key) => store.read(key),
    evict: (key) => store.evict(key),
    watch: store.watch && ((key, notify) => store.watch(key, notify)),
    close: () => store.close(),
  });
}
