import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { randomBytes } from '../runtime/random.js';

const { Buffer } = globalThis;
const toHex = Object.getOwnPropertyDescriptor(Uint8Array.prototype, 'toHex');
const bytes = randomBytes(31, 320);

afterEach(() => {
  globalThis.Buffer = Buffer;
  delete (Uint8Array.prototype as { toHex?: unknown }).toHex;
  if (toHex !== undefined) Object.defineProperty(Uint8Array.prototype, 'toHex', toHex);
  vi.resetModules();
});

/** What a platform may have under the name `Buffer`. */
const BUFFERS: [string, unknown][] = [
  ['the Buffer of Node', Buffer],
  ['no Buffer', undefined],
  ['a Buffer without a prototype', () => undefined],
  ['a Buffer without these methods, as a polyfill', { prototype: {} }],
  [
    'a Buffer that takes only its own instances',
    {
      prototype: {
        latin1Slice() {
          throw new TypeError('argument must be a buffer');
        },
        hexSlice: Buffer.prototype.hexSlice,
      },
    },
  ],
  [
    'a Buffer whose text is always the whole',
    {
      prototype: {
        latin1Slice(this: Uint8Array) {
          return Buffer.prototype.latin1Slice.call(this, 0, this.length);
        },
        hexSlice: Buffer.prototype.hexSlice,
      },
    },
  ],
  [
    'a Buffer with upper-case digits',
    {
      prototype: {
        latin1Slice: Buffer.prototype.latin1Slice,
        hexSlice(this: Uint8Array, start: number, end: number) {
          return Buffer.prototype.hexSlice.call(this, start, end).toUpperCase();
        },
      },
    },
  ],
];

/** What it may have as `Uint8Array.prototype.toHex`. */
const METHODS: [string, ((this: Uint8Array) => string) | undefined][] = [
  ['no toHex', undefined],
  [
    'a toHex',
    function () {
      return Buffer.prototype.hexSlice.call(this, 0, this.length);
    },
  ],
  [
    'a toHex that drops zeros',
    function () {
      return Array.from(this, (byte) => byte.toString(16)).join('');
    },
  ],
];
const PLATFORMS = BUFFERS.flatMap(([buffer, Buffer]) =>
  METHODS.map(([method, toHex]) => ({ name: `${buffer} and ${method}`, Buffer, toHex })),
);

describe.each(PLATFORMS)('with $name', (platform) => {
  /** Imports the library anew, and makes its first use. */
  async function load() {
    vi.resetModules();
    delete (Uint8Array.prototype as { toHex?: unknown }).toHex;
    if (platform.toHex !== undefined) {
      const value = platform.toHex;
      Object.defineProperty(Uint8Array.prototype, 'toHex', { value, configurable: true });
    }
    const library = {
      ...(await import('../../src/engine/hex.js')),
      ...(await import('../../src/index.js')),
    };
    globalThis.Buffer = platform.Buffer as typeof Buffer;
    try {
      library.useEngine('js');
      library.toHex(bytes);
    } finally {
      globalThis.Buffer = Buffer;
    }
    return library;
  }

  it('bytes become their digits', async () => {
    const { toHex } = await load();
    for (let length = 0; length <= 320; length++) {
      const view = bytes.subarray(320 - length);
      expect(toHex(view)).toBe(Buffer.from(view).toString('hex'));
    }
    for (let byte = 0; byte < 256; byte++) {
      expect(toHex(Uint8Array.of(byte))).toBe(byte.toString(16).padStart(2, '0'));
    }
  });

  it('keys, UUIDs and batches are the same', async () => {
    const { listEngines, useEngine, sha256Hex, sha256HexBatch, uuidv5, NAMESPACE_URL } =
      await load();
    for (const { name: engine } of [...listEngines(), { name: 'auto' } as const]) {
      useEngine(engine);
      const views = Array.from({ length: 130 }, (_, length) => bytes.subarray(length, 2 * length));
      const keys = views.map((view) => `ik_${createHash('sha256').update(view).digest('hex')}`);
      expect(views.map((view) => sha256Hex(view))).toEqual(keys);
      expect(sha256HexBatch(views)).toEqual(keys);
      const mac = sha256Hex('text', { secret: 's' });
      // echo -n text | openssl dgst -sha256 -hmac s
      expect(mac).toBe('ik_f210e721575ff06895e31360730d9b5ab9cdcca2ba814154552f02d0b28fdd37');
      // python3 -c "import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, 'text'))"
      expect(uuidv5(NAMESPACE_URL, 'text')).toBe('dbac6b00-1c8b-5249-9bd3-41e53153f71f');
    }
  });
});
