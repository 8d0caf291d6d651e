import type { EvictReply, Overview, Problem, RecordDetail, RecordPage } from '../messages.js';

/** An answer of the server from 400 on, or no answer. */
export class ServerFault extends Error {
  /** The status of the answer; `undefined` without an answer. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined) {
    super(message);
    this.status = status;
  }
}

export const fetchOverview = (signal: AbortSignal) =>
  fetchJson<Overview>('api/overview', { signal });

/** Which records to list. */
export interface RecordQuery {
  readonly search: string;
  /** Empty for all. */
  readonly state: string;
  readonly limit: number;
  readonly after: string | undefined;
}

export function fetchRecords(query: RecordQuery, signal: AbortSignal): Promise<RecordPage> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return fetchJson(addressOf('api/records', Object.fromEntries(given)), { signal });
}

export const fetchRecord = (key: string, signal: AbortSignal) =>
  fetchJson<RecordDetail>(addressOf('api/record', { key }), { signal });

export const evictRecord = (key: string) =>
  fetchJson<EvictReply>(addressOf('api/evict', { key }), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });

/** Why the server refuses an address; `undefined` if it does not. */
export async function refusalOf(address: string): Promise<string | undefined> {
  const request = new AbortController();
  try {
    const response = await fetch(address, { cache: 'no-store', signal: request.signal });
    return response.ok ? undefined : await faultText(response);
  } catch {
    return undefined;
  } finally {
    request.abort();
  }
}

/** A key is in the query, because a browser resolves the keys `.` and `..` in a path. */
const addressOf = (path: string, query: Readonly<Record<string, string>>) =>
  `${path}?${new URLSearchParams(query)}`;

async function fetchJson<Reply>(address: string, init: RequestInit = {}): Promise<Reply> {
  let response: Response;
  try {
    response = await fetch(address, { cache: 'no-store', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ServerFault('The server of the dashboard does not answer', undefined);
  }
  if (!response.ok) throw new ServerFault(await faultText(response), response.status);
  return response.json();
}

async function faultText(response: Response): Promise<string> {
  try {
    const { title, detail }: Problem = await response.json();
    return detail || title || `Status ${response.status}`;
  } catch {
    return `The server of the dashboard answered with status ${response.status}`;
  }
}
