import {
  type KeyBits,
  NAMESPACE_DNS,
  NAMESPACE_OID,
  NAMESPACE_URL,
  NAMESPACE_X500,
  scoped,
  sha256Hex,
  uuidv5,
} from '../index.js';

/** The input of a key. */
export interface Material {
  readonly body: Uint8Array;
  /** The canonical form of the identity, if the body is JSON. */
  readonly canonical?: Uint8Array;
  readonly bits: KeyBits;
}

/** An input field of a format. */
export interface Field {
  readonly label: string;
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  readonly isSecret?: true;
}

export interface KeyFormat {
  readonly id: string;
  readonly label: string;
  /** The code that derives this key, with an `identity` that has these bits. */
  readonly call: string | ((bits: KeyBits) => string);
  readonly field?: Field;
  /** Whether it hashes the raw bytes, and so does not need JSON. */
  readonly isOfBytes?: true;
  /** Derives the key; `undefined` while the field is empty. */
  derive(material: Material, field: string): string | undefined;
}

const NAMESPACES: Readonly<Record<string, string>> = {
  URL: NAMESPACE_URL,
  DNS: NAMESPACE_DNS,
  OID: NAMESPACE_OID,
  X500: NAMESPACE_X500,
};

const NOTHING = new Uint8Array();

/**
 * All formats. They hash the canonical form, which the page has already: `keyOf` would canonicalize again
 * for each key, which takes seven times as long as hashing.
 */
export const KEY_FORMATS: readonly KeyFormat[] = [
  {
    id: 'bits-256',
    label: '256 bits',
    call: (bits) =>
      bits === 256 ? 'keyOf(request, identity)' : 'keyOf(request, { ...identity, bits: 256 })',
    derive: ({ canonical = NOTHING }) => sha256Hex(canonical),
  },
  {
    id: 'bits-128',
    label: '128 bits',
    call: 'keyOf(request, { ...identity, bits: 128 })',
    derive: ({ canonical = NOTHING }) => sha256Hex(canonical, { bits: 128 }),
  },
  {
    id: 'custom-id',
    label: 'Batch custom_id',
    call: 'customId(request, identity)',
    derive: ({ canonical = NOTHING }) => sha256Hex(canonical, { bits: 128 }),
  },
  {
    id: 'uuid',
    label: 'UUIDv5',
    call: 'uuidv5(namespace, canonical)',
    field: { label: 'Namespace', choices: Object.keys(NAMESPACES) },
    derive: ({ canonical = NOTHING }, name) => uuidv5(NAMESPACES[name] ?? NAMESPACE_URL, canonical),
  },
  {
    id: 'scoped',
    label: 'Scoped',
    call: "keyOf(request, { ...identity, scope: '…' })",
    field: { label: 'Scope', placeholder: 'tenant-1' },
    derive: ({ canonical = NOTHING, bits }, scope) =>
      scope === '' ? undefined : scoped(scope, canonical, { bits }),
  },
  {
    id: 'hmac',
    label: 'HMAC',
    call: "keyOf(request, { ...identity, secret: '…' })",
    field: { label: 'Secret', placeholder: 'keep it private', isSecret: true },
    derive: ({ canonical = NOTHING, bits }, secret) =>
      secret === '' ? undefined : sha256Hex(canonical, { bits, secret }),
  },
  {
    id: 'raw',
    label: 'Raw bytes',
    call: (bits) => (bits === 256 ? 'sha256Hex(body)' : 'sha256Hex(body, { bits: 128 })'),
    isOfBytes: true,
    derive: ({ body, bits }) => sha256Hex(body, { bits }),
  },
];
