import { after } from 'next/server';
import { idempotent } from 'samekey/server';
import { sqliteStore } from 'samekey/store/sqlite';
import { charge } from '../../../../shop/charge.js';

// A file serves the processes of one machine. On Vercel use a store that all functions reach.
const store = sqliteStore({ path: 'records.db' });

export const POST = idempotent(
  async (request, { params }) => {
    const { shop } = await params;
    const { receipt } = await charge(await request.json(), request.signal);
    return Response.json({ shop, receipt }, { status: 201 });
  },
  { store, required: true, waitUntil: after },
);
