import { expect, it } from 'vitest';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

it('a handler whose response is not stored is not stopped when its client disconnects', async () => {
  const chunk = new Uint8Array(10);
  let left = 5;
  let isCancelled = false;
  let hasEnded = false;
  const handler = idempotent(
    async () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            if (left-- > 0) return controller.enqueue(chunk);
            hasEnded = true;
            controller.close();
          },
          cancel() {
            isCancelled = true;
          },
        }),
        { status: 500 },
      ),
    { store: memoryStore() },
  );
  const response = await handler(
    new Request('https://shop.example/orders', {
      method: 'POST',
      body: '{}',
      headers: { 'idempotency-key': 'a' },
    }),
  );
  await response.body?.cancel();
  await expect.poll(() => hasEnded || isCancelled).toBe(true);
  expect({ hasEnded, isCancelled }).toEqual({ hasEnded: true, isCancelled: false });
});
