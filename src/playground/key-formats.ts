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

/** What a key is made of. */
export interface Material {
  readonly body: Uint8Array;
  /** The canonical form of what is in the identity, if the body is JSON. */
  readonly canonical?: Uint8Array;
  readonly bits: KeyBits;
}

/** A field of a format: what is typed or chosen in it. */
export interface Field {
  readonly label: string;
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  readonly isSecret?: true;
}

export interface KeyFormat {
  readonly id: string;
  readonly label: string;
  /** The call that makes it. */
  readonly call: string;
  readonly field?: Field;
  /** Whether it takes bytes for what they are, and so needs no JSON. */
  readonly isOfBytes?: true;
  /** The key; nothing if the field is to be filled first. */
  make(material: Material, field: string): string | undefined;
}

const NAMESPACES: Readonly<Record<string, string>> = {
  URL: NAMESPACE_URL,
  DNS: NAMESPACE_DNS,
  OID: NAMESPACE_OID,
  X500: NAMESPACE_X500,
};

const NOTHING = new Uint8Array();

/**
 * All formats, from the canonical form that the page has already: `keyOf` writes it again for each
 * key, which takes seven times as long as digesting it.
 */
export const KEY_FORMATS: readonly KeyFormat[] = [
  {
    id: 'bits-256',
    label: '256 bits',
    call: 'keyOf(request, identity)',
    make: ({ canonical = NOTHING }) => sha256Hex(canonical),
  },
  {
    id: 'bits-128',
    label: '128 bits',
    call: 'keyOf(request, { ...identity, bits: 128 })',
    make: ({ canonical = NOTHING }) => sha256Hex(canonical, { bits: 128 }),
  },
  {
    id: 'custom-id',
    label: 'Batch custom_id',
    call: 'customId(request, identity)',
    make: ({ canonical = NOTHING }) => sha256Hex(canonical, { bits: 128 }),
  },
  {
    id: 'uuid',
    label: 'UUIDv5',
    call: 'uuidv5(namespace, canonical)',
    field: { label: 'Namespace', choices: Object.keys(NAMESPACES) },
    make: ({ canonical = NOTHING }, name) => uuidv5(NAMESPACES[name] ?? NAMESPACE_URL, canonical),
  },
  {
    id: 'scoped',
    label: 'Scoped',
    call: "keyOf(request, { ...identity, scope: '…' })",
    field: { label: 'Scope', placeholder: 'tenant-1' },
    make: ({ canonical = NOTHING, bits }, scope) =>
      scope === '' ? undefined : scoped(scope, canonical, { bits }),
  },
  {
    id: 'hmac',
    label: 'HMAC',
    call: "keyOf(request, { ...identity, secret: '…' })",
    field: { label: 'Secret', placeholder: 'only your server knows', isSecret: true },
    make: ({ canonical = NOTHING, bits }, secret) =>
      secret === '' ? undefined : sha256Hex(canonical, { bits, secret }),
  },
  {
    id: 'raw',
    label: 'Raw bytes',
    call: 'sha256Hex(body)',
    isOfBytes: true,
    make: ({ body, bits }) => sha256Hex(body, { bits }),
  },
];
