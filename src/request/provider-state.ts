import { decoder } from '../engine/utf8.js';
import type { StateRule } from '../providers/provider.js';
import { stateRules } from '../providers/registry.js';
import type { OutgoingRequest } from './outgoing-request.js';

/** Whether the meaning of a request is state at its provider, such as the turns of a conversation. */
export function isProviderState(
  request: Pick<OutgoingRequest, 'url' | 'headers' | 'body'>,
): boolean {
  const { pathname, hostname } = new URL(request.url);
  return stateRules.some((rule) => {
    if (!rule.path.test(pathname)) return false;
    const { hosts, header, members, without } = rule;
    if (without !== undefined && hasMember(request.body, without)) return false;
    if (hosts === undefined && header === undefined && members === undefined) return true;
    if (hosts?.test(hostname)) return true;
    if (header?.[1].test(request.headers.get(header[0]) ?? '')) return true;
    return hasMember(request.body, members ?? []);
  });
}

/** Whether a JSON body has one of the members, and it is not empty. */
function hasMember(body: string | Uint8Array, members: NonNullable<StateRule['members']>): boolean {
  const text = typeof body === 'string' ? body : decoder.decode(body);
  // Reading the whole body is worth it only for a few of the requests to a path.
  const named = members.filter((member) => text.includes(`"${member.split(/[[.]/, 1)[0]}"`));
  if (named.length === 0) return false;
  try {
    const value: unknown = JSON.parse(text);
    return named.some((member) => isThere(value, member.split('.')));
  } catch {
    return false;
  }
}

function isThere(value: unknown, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) {
    return typeof value === 'string' ? value !== '' : typeof value === 'object' && value !== null;
  }
  const member = (value as Record<string, unknown> | null | undefined)?.[name.replace('[]', '')];
  if (!name.endsWith('[]')) return isThere(member, rest);
  return Array.isArray(member) && member.some((each) => isThere(each, rest));
}
