import { defineIdentity, isKey, keyOfJson, keyOfStream } from 'samekey';

/** The identity of a request: its body without the parts that change with each attempt. */
const payment = defineIdentity({ exclude: ['$.trace_id'], scope: 'payments' });

export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    if (pathname === '/uploads' && request.method === 'POST') return keyOfUpload(request, env);
    if (pathname.startsWith('/uploads/') && request.method === 'PUT') {
      return storeUpload(pathname.slice('/uploads/'.length), request, env);
    }
    // Concatenated, so that a path that begins with `//` cannot name another host.
    const upstream = new URL(env.UPSTREAM);
    upstream.pathname = pathname;
    upstream.search = search;
    return forward(request, upstream);
  },
};

/** Forwards a JSON request with a key that all of its retries share. */
async function forward(request, url) {
  // Forwards the exact bytes that were read: the upstream may compare the bodies of one key.
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
 * Returns the key of an upload, and whether it is stored. Reads the bytes without keeping them: the
 * key must be known before the bytes are stored, and `tee()` would buffer what the slower branch has
 * not read yet. So a client that does not know the key sends the bytes a second time, only if they
 * are new.
 */
async function keyOfUpload({ body }, env) {
  const key = await keyOfStream(body ?? []);
  return Response.json({ key, isStored: (await env.UPLOADS.head(key)) !== null });
}

/** Stores an upload under its key. R2 compares the bytes with the SHA-256 in the key. */
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
