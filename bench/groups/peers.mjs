/** The usual pipelines of other packages: a stable stringify, then a digest. */
import { hash } from 'node:crypto';

/** @param {string} canonical the fastest call that node:crypto has for a text */
export const digest = (canonical) => hash('sha256', canonical, 'hex');

/** @type {readonly { name: string, load: () => Promise<(value: unknown) => string> }[]} */
export const STABLE_STRINGIFY = [
  {
    name: 'canonicalize',
    load: async () => /** @type {any} */ (await import('canonicalize')).default,
  },
  { name: 'json-canonicalize', load: async () => (await import('json-canonicalize')).canonicalize },
  {
    name: 'safe-stable-stringify',
    load: async () =>
      /** @type {any} */ (
        (await import('safe-stable-stringify')).configure({ deterministic: true })
      ),
  },
  {
    name: 'fast-json-stable-stringify',
    load: async () => (await import('fast-json-stable-stringify')).default,
  },
];

/**
 * The usual way from the body of a request to a key: parse, stringify in sorted order, digest.
 *
 * @type {readonly { name: string, load: () => Promise<(body: Buffer) => string> }[]}
 */
export const BODY_PIPELINES = STABLE_STRINGIFY.map(({ name, load }) => ({
  name,
  async load() {
    const stringify = await load();
    return (body) => digest(stringify(parse(body)));
  },
}));

/** @param {Buffer} body */
export const parse = (body) => JSON.parse(body.toString());
