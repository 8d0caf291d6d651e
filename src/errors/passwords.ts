/**
 * Removes the user and the password of an address: all from the first `://` to the last `@`, because a
 * password may contain an `@`, a `/` or a space that was not percent-encoded.
 */
export function addressWithoutPassword(address: string): string {
  const start = address.indexOf('://') + 3;
  const end = address.lastIndexOf('@') + 1;
  return start > 2 && end > start ? address.slice(0, start) + address.slice(end) : address;
}

/** Removes the user and the password of every address in a text, such as the message of a client. */
export const textWithoutPasswords = (text: string): string =>
  text.replace(/\S+/g, addressWithoutPassword);
