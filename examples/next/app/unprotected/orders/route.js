import { charge } from '../../../shop/charge.js';

/** The same without samekey. */
export async function POST(request) {
  const { receipt } = await charge(await request.json(), request.signal);
  return Response.json({ receipt }, { status: 201 });
}
