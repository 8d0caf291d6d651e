/** The namespaces of UUIDs that have a name on the command line (RFC 9562 §6.6). */
import { NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, uuidv5 } from '../index.js';
import { usageError } from './exit-codes.js';
import type { IdentityFlags } from './identity-options.js';

const NAMESPACES: Record<string, string> = {
  dns: NAMESPACE_DNS,
  url: NAMESPACE_URL,
  oid: NAMESPACE_OID,
  x500: NAMESPACE_X500,
};

/** Flags that change a key and not a UUID, which has only a namespace. */
const KEY_FLAGS = [
  ['scope', 'scope'],
  ['bits', 'bits'],
  ['secretEnv', 'secret-env'],
] as const;

/** Refuses flags that would change nothing of a UUID. */
export function refuseKeyFlags(flags: IdentityFlags & { readonly uuid?: string }): void {
  if (flags.uuid === undefined) return;
  for (const [name, flag] of KEY_FLAGS) {
    if (flags[name] !== undefined) {
      throw usageError(`--${flag} applies to keys, and a UUID has only a namespace: leave one out`);
    }
  }
}

/** Returns the namespace that `--uuid` names. */
export function toNamespace(text: string): string {
  const namespace = NAMESPACES[text.toLowerCase()] ?? text;
  try {
    uuidv5(namespace, '');
    return namespace.toLowerCase();
  } catch {
    throw usageError(`--uuid ${JSON.stringify(text)}: wanted dns, url, oid, x500 or a UUID`);
  }
}
