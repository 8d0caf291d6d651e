import { idempotent } from 'samekey/server';
import { memoryStore } from 'samekey/store/memory';
import { charge } from '../../shop/charge.js';

/** Writes an event before the provider answers, and one after it. */
export const POST = idempotent(
  async (request) => {
    const order = await request.json();
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode('data: charging\n\n'));
        const { receipt } = await charge(order);
        controller.enqueue(encoder.encode(`data: receipt ${receipt}\n\n`));
        controller.close();
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  },
  { store: memoryStore(), required: true },
);
