import { decoder } from '../engine/utf8.js';
import type { StateRule } from '../providers/provider.js';
import { stateRules } from '../providers/registry.js';
import type { OutgoingRequest } from './outgoing-request.js';

/** The rules for the paths of URLs that were seen. Most URLs have none. */
const rulesByUrl = new Map<string, readonly StateRule[]>();
const MAX_URLS = 100;

function rulesFor(url: string): readonly StateRule[] {
  const known = rulesByUrl.get(url);
  if (known !== undefined) return known;
  const { pathname } = new URL(url);
  const rules = stateRules.filter(({ path }) => path.test(pathname));
  if (rulesByUrl.size === MAX_URLS) rulesByUrl.clear();
  rulesByUrl.set(url, rules);
  return rules;
}

/** Whether the meaning of a request is state at its provider, such as the turns of a conversation. */
export function isProviderState({
  url,
  given,
  body,
}: Pick<OutgoingRequest, 'url' | 'given' | 'body'>): boolean {
  return rulesFor(url).some(({ hosts, header, members, without }) => {
    if (without !== undefined && hasMember(body, without)) return false;
    if (hosts === undefined && header === undefined && members === undefined) return true;
    if (hosts?.test(new URL(url).hostname)) return true;
    if (header?.[1].test(given.get(header[0]) ?? '')) return true;
    return hasMember(body, members ?? []);
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
