import { Hono } from 'hono';
import { honoIdempotency } from 'samekey/hono';
import { memoryStore } from 'samekey/store/memory';

/** How often the handler ran, for each address. */
const runs = { '/orders': 0, '/unprotected/orders': 0 };

const app = new Hono();

// Duplicates meet in one isolate: a store of the process serves those of the same place and moment.
// One that all isolates share is `redisStore`, over what your platform has to reach a Redis with.
app.use('/orders', honoIdempotency({ store: memoryStore(), required: true }));

for (const path of Object.keys(runs)) {
  app.post(path, async (c) => {
    const { item } = await c.req.json();
    const number = ++runs[path];
    await new Promise((resolve) => setTimeout(resolve, 100));
    return c.json({ number, item }, 201);
  });
}

app.get('/runs', (c) => c.json(runs));

export default app;
