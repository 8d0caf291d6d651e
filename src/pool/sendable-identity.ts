import { fail } from '../errors/errors.js';
import { defineIdentity, type IdentityLike, type IdentityOptions } from '../index.js';

/**
 * Returns an identity as plain data, which can be sent to another thread. An invalid identity is
 * rejected here, before anything is read.
 */
export function toSendable(identity: IdentityLike | undefined): IdentityOptions | undefined {
  if (identity === undefined) return undefined;
  // Without a prototype, so that a member of `Object.prototype` never becomes an option.
  const options: IdentityOptions = Object.assign(Object.create(null), defineIdentity(identity));
  const { refs, window } = options;
  if (refs !== undefined && Object.hasOwn(refs, 'cache')) refuse('refs.cache', 'refs as a list');
  if (window !== undefined && Object.hasOwn(window, 'clock')) {
    refuse('window.clock', 'window without a clock');
  }
  const { secret } = options;
  if (secret === undefined || typeof secret === 'string') return options;
  // Sending a view would send its whole buffer.
  const bytes = ArrayBuffer.isView(secret)
    ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
    : new Uint8Array(secret);
  return { ...options, secret: Uint8Array.from(bytes) };
}

function refuse(member: string, wanted: string): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_IDENTITY',
    `Cannot use the identity in a pool: ${member} cannot be called from other threads, wanted ${wanted}`,
  );
}
