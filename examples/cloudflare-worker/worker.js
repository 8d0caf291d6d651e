import { defineIdentity, isKey, keyOfJson, keyOfStream } from 'samekey';

/** What makes two requests one: all of the body but what changes with each attempt. */
const payment = defineIdentity({ exclude: ['$.trace_id'], scope: 'payments' });

export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    if (pathname === '/uploads' && request.method === 'POST') return keyOfUpload(request, env);
    if (pathname.startsWith('/uploads/') && request.method === 'PUT') {
      return storeUpload(pathname.slice('/uploads/'.length), request, env);
    }
    // Put together like this, a path that begins with `//` names no other host.
    const upstream = new URL(env.UPSTREAM);
    upstream.pathname = pathname;
    upstream.search = search;
    return forward(request, upstream);
  },
};

/** Sends a JSON request on, with the key that all of its retries have. */
async function forward(request, url) {
  // Read once, and sent on as it was read: the upstream may compare bodies of one key.
  const body = await request.arrayBuffer();
  const headers = new Headers(request.headers);
  try {
    headers.set('Idempotency-Key', keyOfJson(body, payment));
  } catch ({ code, message }) {
    return Response.json({ code, message }, { status: 400 });
  }
  return fetch(url, { method: request.method, headers, body });
}

/**
 * The key of an upload, and whether it is stored. Its bytes are read here and not kept: a key goes
 * before what it is the key of, and `tee()` would hold in memory what the slower branch has not
 * read. So who does not know the key sends an upload twice, the second time only if it is new.
 */
async function keyOfUpload({ body }, env) {
  const key = await keyOfStream(body ?? []);
  return Response.json({ key, isStored: (await env.UPLOADS.head(key)) !== null });
}

/** Stores an upload under its key. R2 itself compares the bytes with the SHA-256 in it. */
async function storeUpload(key, { body }, env) {
  if (!isKey(key)) return Response.json({ message: 'not a key' }, { status: 400 });
  if ((await env.UPLOADS.head(key)) !== null) return Response.json({ key, isNew: false });
  try {
    await env.UPLOADS.put(key, body, { sha256: key.slice('ik_'.length) });
  } catch ({ message }) {
    return Response.json({ message }, { status: 400 });
  }
  return Response.json({ key, isNew: true }, { status: 201 });
}
