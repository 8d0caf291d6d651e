import { Hono } from 'hono';
import { honoIdempotency } from 'samekey/hono';
import { memoryStore } from 'samekey/store/memory';

/** How often the handler ran, by address. */
const runs = { '/orders': 0, '/unprotected/orders': 0 };

const app = new Hono();

// A store in memory serves the duplicates that reach the same isolate. To share records among all
// isolates, use `redisStore` with a client that works on your platform.
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
