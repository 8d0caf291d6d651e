import {
  customId,
  type IdentityOptions,
  keyOf,
  NAMESPACE_DNS,
  NAMESPACE_OID,
  NAMESPACE_URL,
  NAMESPACE_X500,
  sha256Hex,
  uuidv5,
} from '../index.js';
import type { RequestText } from './request-text.js';

/** What a key is made of. The members but `content` are there if the content is JSON. */
export interface Material {
  readonly content: RequestText;
  readonly value?: unknown;
  readonly canonical?: string;
  readonly identity: IdentityOptions;
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

/** All formats. Bits as chosen go for those that do not say theirs. */
export const KEY_FORMATS: readonly KeyFormat[] = [
  {
    id: 'bits-256',
    label: '256 bits',
    call: 'keyOf(request, identity)',
    make: ({ value, identity }) => keyOf(value, { ...identity, bits: 256 }),
  },
  {
    id: 'bits-128',
    label: '128 bits',
    call: 'keyOf(request, { ...identity, bits: 128 })',
    make: ({ value, identity }) => keyOf(value, { ...identity, bits: 128 }),
  },
  {
    id: 'custom-id',
    label: 'Batch custom_id',
    call: 'customId(request, identity)',
    make: ({ value, identity: { bits: _, ...identity } }) => customId(value, identity),
  },
  {
    id: 'uuid',
    label: 'UUIDv5',
    call: 'uuidv5(namespace, canonical)',
    field: { label: 'Namespace', choices: Object.keys(NAMESPACES) },
    make: ({ canonical }, name) => uuidv5(NAMESPACES[name] ?? NAMESPACE_URL, canonical ?? ''),
  },
  {
    id: 'scoped',
    label: 'Scoped',
    call: "keyOf(request, { ...identity, scope: '…' })",
    field: { label: 'Scope', placeholder: 'tenant-1' },
    make: ({ value, identity }, scope) =>
      scope === '' ? undefined : keyOf(value, { ...identity, scope }),
  },
  {
    id: 'hmac',
    label: 'HMAC',
    call: "keyOf(request, { ...identity, secret: '…' })",
    field: { label: 'Secret', placeholder: 'only your server knows', isSecret: true },
    make: ({ value, identity }, secret) =>
      secret === '' ? undefined : keyOf(value, { ...identity, secret }),
  },
  {
    id: 'raw',
    label: 'Raw bytes',
    call: 'sha256Hex(body)',
    isOfBytes: true,
    make: ({ content: { bytes, text }, identity: { bits = 256 } }) =>
      sha256Hex(bytes ?? text, { bits }),
  },
];
