import { fail } from '../errors/errors.js';
import { defineIdentity, type IdentityLike, type IdentityOptions } from '../index.js';

/**
 * An identity as plain data that can be sent to another thread. It is checked here, so that a wrong
 * one is refused before anything is read.
 */
export function toSendable(identity: IdentityLike | undefined): IdentityOptions | undefined {
  if (identity === undefined) return undefined;
  const options: IdentityOptions = { ...defineIdentity(identity) };
  if (options.refs !== undefined && 'cache' in options.refs) refuse('refs.cache', 'refs as a list');
  if (options.window !== undefined && 'clock' in options.window) {
    refuse('window.clock', 'window without a clock');
  }
  const { secret } = options;
  if (secret === undefined || typeof secret === 'string') return options;
  // A view would take along all of the buffer that it looks at.
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
