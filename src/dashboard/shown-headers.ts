import { credentialHeaders } from '../providers/registry.js';
import { SECRET_NAME } from '../request/credential-names.js';
import type { HeaderLine } from '../response/response-data.js';

const MAX_HEADERS = 100;
const MAX_VALUE_CHARACTERS = 1000;
const MAX_NAME_CHARACTERS = 200;

/** Headers whose value is an address, which may be relative. */
const ADDRESS_NAME = /(?:^|-)(?:link|location|path|referr?er|refresh|sourcemap|ur[il])$/i;

const isSecret = (name: string) =>
  SECRET_NAME.test(name) || (credentialHeaders as readonly string[]).includes(name.toLowerCase());

/**
 * Returns the headers without those that may hold a credential. Addresses have no user, query or
 * fragment, in headers of any name.
 */
export function shownHeaders(headers: readonly HeaderLine[]): HeaderLine[] {
  return headers
    .filter(([name]) => !isSecret(name))
    .slice(0, MAX_HEADERS)
    .map(([name, value]) => [
      name.slice(0, MAX_NAME_CHARACTERS),
      shownValue(name, value).slice(0, MAX_VALUE_CHARACTERS),
    ]);
}

function shownValue(name: string, value: string): string {
  const isAddress = ADDRESS_NAME.test(name);
  let text = value;
  // Malformed queries contain spaces, commas and quotes, so a query ends at the end of the address.
  if (/(?:^|-)link$/i.test(name)) text = value.replaceAll(/[?#][^>]*/g, '');
  else if (isAddress) text = value.split(/[?#]/, 1)[0] as string;
  return text.replaceAll(/[^\s<>"]+/g, (word) =>
    isAddress || word.includes('://') ? addressOnly(word) : word,
  );
}

/** The scheme and the slashes. Browsers accept any number of slashes behind `https:`, and backslashes. */
const HOST_START = /https?:[\\/]*|[\\/]{2,}/i;
const HOST = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?[,;]?$/;

/** Returns an address without user, query and fragment. */
function addressOnly(word: string): string {
  const [address = ''] = word.split(/[?#]/, 1);
  const start = HOST_START.exec(address);
  if (start === null) return address;
  const at = start.index + start[0].length;
  const [authority = ''] = address.slice(at).split(/[\\/]/, 1);
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const scheme = address.slice(0, at);
  // A port that is no number is the beginning of a password that was not percent-encoded.
  return HOST.test(host) ? scheme + host + address.slice(at + authority.length) : scheme;
}
