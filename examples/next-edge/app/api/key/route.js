import { identities, keyOfJson } from 'samekey';

export const runtime = 'edge';

/** Returns the key of a chat request. */
export async function POST(request) {
  try {
    return Response.json({ key: keyOfJson(await request.arrayBuffer(), identities.openai) });
  } catch ({ code, message }) {
    return Response.json({ code, message }, { status: 400 });
  }
}
