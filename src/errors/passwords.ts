/**
 * An address without its `//`, such as `redis:app:PASSWORD@db`, up to its last `@`. The rest of other
 * addresses is a path or a name, which may have an `@`.
 */
const MISTYPED = /^(\W?)(?!(?:lmdb|sqlite|dynamodb):|[a-z]:[\\/])[\w+./-]*:.*@/is;

/** The parameters of an address that pg and mysql2 read a password from. */
const PARAMETERS = /([?&](?:ssl)?password\w?=)[^&#\s]*/gi;

/**
 * Removes the user and the password of an address: all from the first `://` to the last `@`, because a
 * password may contain an `@`, a `/` or a space that was not percent-encoded.
 */
export function addressWithoutPassword(address: string): string {
  const start = address.indexOf('://') + 3;
  const end = address.lastIndexOf('@') + 1;
  const shown =
    start > 2 && end > start
      ? address.slice(0, start) + address.slice(end)
      : address.replace(MISTYPED, '$1');
  return shown.replace(PARAMETERS, '$1…');
}

/** Removes the user and the password of every address in a text, such as the message of a client. */
export const textWithoutPasswords = (text: string): string =>
  text.replace(/\S+/g, addressWithoutPassword);
