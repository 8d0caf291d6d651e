import { createHash, type Hash } from 'node:crypto';
import { addressWithoutPassword } from '../errors/passwords.js';
import { keyOf } from '../index.js';
import type { RequestFlags } from './batch-requests.js';
import type { EncryptionFlags } from './encryption-keys.js';
import { toIdentity } from './identity-options.js';

/** The flags that decide what a plan contains. */
export interface PlanFlags extends RequestFlags, EncryptionFlags {
  readonly onUnreadable: 'hold' | 'retry';
}

/** Begins the digest of a plan with its flags. The text of the input follows. */
export function beginDigest(flags: PlanFlags, defaultStore: string): Hash {
  const { preset, include, exclude, ref, scope, bigNumbers, secretEnv } = flags;
  const { store = defaultStore, prefix, table, skipInvalid, onUnreadable } = flags;
  const { encryptEnv, encryptFile, encryptPlain } = flags;
  const decisions = {
    ...{ preset: sorted(preset), include: sorted(include), exclude: sorted(exclude) },
    ...{ ref: sorted(ref), scope, bigNumbers, skipInvalid, onUnreadable, encryptPlain },
    hasKeys: encryptEnv !== undefined || encryptFile !== undefined,
    // Neither the password nor the secret is in the digest, which others may read.
    ...{ store: addressWithoutPassword(store), prefix, table },
    secret: secretEnv === undefined ? undefined : keyOf('', toIdentity({ secretEnv })),
  };
  return createHash('sha256').update(`${JSON.stringify(decisions)}\n`);
}

const sorted = (texts: readonly string[] | undefined) => texts && [...texts].sort();
