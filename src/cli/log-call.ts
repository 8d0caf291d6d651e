/** Reads a call from a line of a log: its key and its cost. */
import type { PriceTable } from '../cost/prices.js';
import { type Usage, usageIn } from '../cost/usage.js';
import { usageOf } from '../cost/usage-of.js';
import { type Identity, keyOfJson } from '../index.js';
import { type Field, findIn } from './field.js';
import { hintAt } from './field-hint.js';
import { inFlags } from './flag-names.js';
import { memberText } from './member-text.js';
import type { Tokens } from './worst-repeats.js';

/** The fields of a line that contain the key and the cost. */
export interface CallFields {
  /** The fields of the key. The first one found counts. */
  readonly keys: readonly Field[];
  /** The field of the request. The key is derived from it instead. */
  readonly request?: { readonly field: Field; readonly identity: Identity };
  /** The field of the cost, or the cost of every call. */
  readonly cost?: Field | number;
  /** The fields of the usage. The first one with tokens counts. */
  readonly usage?: readonly Field[];
  /** The fields of the model's name, for a usage without one. The first one found counts. */
  readonly models?: readonly Field[];
  /** Prices, to compute the cost from the tokens. */
  readonly prices?: PriceTable;
}

/** Why a line, or its cost, is not counted. */
export type FaultKind =
  | 'notObject'
  | 'tooLarge'
  | 'noKey'
  | 'badRequest'
  | 'noCost'
  | 'badCost'
  | 'noUsage'
  | 'noPrice';

export interface Fault {
  readonly kind: FaultKind;
  /** More about the fault, if the kind does not say it all. */
  readonly detail?: string;
  /** What to do about it. It is called for the first fault of a kind only. */
  readonly hint?: () => string;
}

export interface Call {
  readonly key: string;
  /** 0 if the cost is unknown. */
  readonly cost: number;
  readonly tokens?: Tokens;
  readonly costFault?: Fault;
}

/** The first character after white space: RFC 8259 §2. */
const FIRST_CHAR = /^[ \t\r\n]*(.?)/s;
const DECIMAL = /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** A higher cost is a mistake in any currency. Sums of lower ones stay finite. */
const MAX_COST = 1e15;
const SHOWN_CHARS = 40;

/** Reads the call in a line. Returns `undefined` for a blank line. */
export function callIn(line: string, fields: CallFields): Call | Fault | undefined {
  const firstChar = FIRST_CHAR.exec(line)?.[1];
  if (firstChar === '') return undefined;
  const value = firstChar === '{' ? parseLine(line) : undefined;
  if (value === undefined) return { kind: 'notObject' };
  const key =
    fields.request === undefined
      ? loggedKey(line, value, fields.keys)
      : derivedKey(line, value, fields.request);
  if (typeof key !== 'string') return key;
  const { cost, usage } = fields;
  const spent = typeof cost === 'object' ? costAt(value, cost) : { cost: cost ?? 0 };
  return { key, ...spent, ...(usage && tokensAt(value, usage, fields)) };
}

/** Reads the tokens, and computes their cost if there are prices. */
function tokensAt(
  value: unknown,
  fields: readonly Field[],
  { prices, models = [] }: CallFields,
): Partial<Call> {
  const usage = usageAt(value, fields);
  if (usage === undefined) return { costFault: { kind: 'noUsage' } };
  const tokens = { input: usage.inputTokens, output: usage.outputTokens };
  if (prices === undefined) return { tokens };
  const model =
    models.map((field) => findIn(value, field)?.value).find(isText) ?? usage.model ?? '';
  const cost = prices.costOf(usage, model);
  if (cost !== undefined) return { tokens, cost };
  const detail = model === '' ? 'the model is not named' : model.slice(0, SHOWN_CHARS);
  return { tokens, costFault: { kind: 'noPrice', detail } };
}

const isText = (value: unknown): value is string => typeof value === 'string';

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function loggedKey(line: string, value: unknown, fields: readonly Field[]): string | Fault {
  for (const field of fields) {
    const found = findIn(value, field);
    const key = typeof found?.value === 'number' ? memberText(line, found.names) : found?.value;
    if (typeof key === 'string' && key !== '') return withoutQuotes(key);
  }
  return noKey(value, false);
}

/** The first fault of a kind is shown, and only that needs its detail. */
function noKey(line: unknown, isRequestWanted: boolean): Fault {
  return { kind: 'noKey', hint: () => hintAt(line, isRequestWanted) };
}

/** An Idempotency-Key is a quoted string (RFC 9651 §3.3.3), but many clients send no quotes. */
function withoutQuotes(key: string): string {
  return key.length > 2 && key.startsWith('"') && key.endsWith('"') ? key.slice(1, -1) : key;
}

/** Derives the key of a request that is logged as a value or as the text of its body. */
function derivedKey(
  line: string,
  value: unknown,
  { field, identity }: NonNullable<CallFields['request']>,
): string | Fault {
  const found = findIn(value, field);
  if (found === undefined || found.value === null || found.value === '') return noKey(value, true);
  const text = typeof found.value === 'string' ? found.value : memberText(line, found.names);
  try {
    return keyOfJson(text, identity);
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (!String(code).startsWith('SAMEKEY_')) throw error;
    return { kind: 'badRequest', detail: inFlags(String(message)).replace(/^Cannot .*?: /s, '') };
  }
}

/** Reads the first usage: a usage object, a response with one, or the text of a body. */
function usageAt(line: unknown, fields: readonly Field[]): Usage | undefined {
  for (const field of fields) {
    const found = findIn(line, field)?.value;
    const usage = typeof found === 'string' ? usageInText(found) : usageIn(found);
    if (usage !== undefined) return usage;
  }
  return undefined;
}

/** The beginning of a body that is a stream of server-sent events. */
const EVENTS = /^\s*(?:data|event|id|:)/;

function usageInText(text: string): Usage | undefined {
  const type = EVENTS.test(text) ? 'text/event-stream' : 'application/json';
  return usageOf(Buffer.from(text), type);
}

function costAt(value: unknown, field: Field): Pick<Call, 'cost' | 'costFault'> {
  const logged = findIn(value, field)?.value;
  if (logged === undefined || logged === null) return { cost: 0, costFault: { kind: 'noCost' } };
  const cost = typeof logged === 'string' && DECIMAL.test(logged) ? Number(logged) : logged;
  if (typeof cost === 'number' && cost >= 0 && cost <= MAX_COST) return { cost };
  return {
    cost: 0,
    costFault: { kind: 'badCost', detail: JSON.stringify(logged).slice(0, SHOWN_CHARS) },
  };
}
