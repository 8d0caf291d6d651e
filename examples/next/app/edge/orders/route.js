import { after } from 'next/server';
import { activeEngine } from 'samekey';
import { idempotent } from 'samekey/server';
import { memoryStore } from 'samekey/store/memory';
import { charge } from '../../../shop/charge.js';

export const runtime = 'edge';

// The memory of one process. On Vercel use `upstashStore`, which all functions reach over HTTP.
const store = memoryStore();

export const POST = idempotent(
  async (request) => {
    const { receipt } = await charge(await request.json(), request.signal);
    return Response.json({ receipt, engine: activeEngine().name }, { status: 201 });
  },
  { store, required: true, waitUntil: after },
);
