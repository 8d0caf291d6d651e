import { describe, expect, it } from 'vitest';
import { hookedStore, latch } from '../store/hooked-store.js';
import { fetchWith, rejection, soon, useUpstream } from './scene.js';

useUpstream();

/** Waits for `count` turns of the microtask queue. */
async function turns(count: number) {
  for (let turn = 0; turn < count; turn++) await undefined;
}

describe('an abort by one caller', () => {
  // The steps of two callers in one tick may run in any order.
  it.each(['keep', 'abort'] as const)(
    'does not affect a caller in the same tick, with onAbandoned: %s',
    async (onAbandoned) => {
      const unhandled: unknown[] = [];
      const listen = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', listen);
      for (let before = -16; before < 16; before++) {
        for (const isSent of [false, true]) {
          const body = { before, isSent };
          const claimed = latch();
          const answered = latch();
          let requestCount = 0;
          const { ask } = fetchWith({
            onAbandoned,
            store: hookedStore({
              async claim(call) {
                if (!isSent) await claimed.opened;
                return call();
              },
            }),
            fetch: async (_, init) => {
              requestCount++;
              expect(init?.signal?.aborted).toBe(false);
              await Promise.race([
                answered.opened,
                new Promise((_resolve, reject) => {
                  init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
                }),
              ]);
              return Response.json({ requestCount });
            },
          });
          const leaving = new AbortController();
          const left = rejection(ask(body, {}, { signal: leaving.signal }));
          await soon(1);
          let stays: Promise<Response> | undefined;
          if (before < 0) stays = ask(body);
          await turns(-before);
          leaving.abort(new Error('my own'));
          await turns(before);
          stays ??= ask(body);
          claimed.open();
          await soon(1);
          answered.open();
          expect((await left).message).toBe('my own');
          expect([before, isSent, (await stays).status]).toEqual([before, isSent, 200]);
        }
      }
      process.off('unhandledRejection', listen);
      expect(unhandled).toEqual([]);
    },
  );
});

describe('an abort by the caller itself', () => {
  it('rejects its call in any tick', async () => {
    for (const isFirst of [true, false]) {
      for (let after = 0; after < 40; after++) {
        const answered = latch();
        const { ask } = fetchWith({
          fetch: async () => {
            await answered.opened;
            return Response.json({});
          },
        });
        const body = { isFirst, after };
        const other = isFirst ? undefined : ask(body);
        if (!isFirst) await soon(1);
        const leaving = new AbortController();
        const left = rejection(ask(body, {}, { signal: leaving.signal }));
        await turns(after);
        leaving.abort(new Error('my own'));
        const heard = await Promise.race([left, soon(200)]);
        expect([isFirst, after, (heard as Error)?.message]).toEqual([isFirst, after, 'my own']);
        answered.open();
        await (await other)?.text();
      }
    }
  });
});
