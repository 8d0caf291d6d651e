/** What a line of a log says of one call: its key, and what it cost. */
import type { PriceTable } from '../cost/prices.js';
import { type Identity, keyOfJson } from '../index.js';
import { type Field, findIn } from './field.js';
import { usageInLog } from './log-usage.js';
import { memberText } from './member-text.js';
import type { Tokens } from './worst-repeats.js';

/** Where keys and costs are. */
export interface CallFields {
  /** The first of them that is there has the key. */
  readonly keys: readonly Field[];
  /** The key is made of this instead. */
  readonly request?: { readonly field: Field; readonly identity: Identity };
  /** A field, or what every call costs. */
  readonly cost?: Field | number;
  /** The first of them that tells of tokens has them. */
  readonly usage?: readonly Field[];
  /** And the first of these has the model's name, where the usage does not. */
  readonly models?: readonly Field[];
  /** The cost is that of the tokens. */
  readonly prices?: PriceTable;
}

/** Why a line, or its cost, does not count. */
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
  /** What is wrong, if the kind does not say it. */
  readonly detail?: string;
}

export interface Call {
  readonly key: string;
  /** 0 if it is not known. */
  readonly cost: number;
  readonly tokens?: Tokens;
  readonly costFault?: Fault;
}

/** What Windows likes to begin a file with. */
const BYTE_ORDER_MARK = '\ufeff';
/** After what is white space in JSON: RFC 8259 §2. */
const FIRST_CHAR = /^[ \t\r\n]*(.?)/s;
const DECIMAL = /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** More, in whatever currency, is a mistake; and sums of less are finite. */
const MAX_COST = 1e15;
const SHOWN_CHARS = 40;

/** The call in a line; `undefined` if the line is blank. */
export function callIn(text: string, fields: CallFields): Call | Fault | undefined {
  const line = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  const firstChar = FIRST_CHAR.exec(line)?.[1];
  if (firstChar === '') return undefined;
  const value = firstChar === '{' ? parsed(line) : undefined;
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

/** The tokens, and what they cost by the prices, if there are some. */
function tokensAt(
  value: unknown,
  fields: readonly Field[],
  { prices, models = [] }: CallFields,
): Partial<Call> {
  const usage = usageInLog(value, fields);
  if (usage === undefined) return { costFault: { kind: 'noUsage' } };
  const tokens = { input: usage.inputTokens, output: usage.outputTokens };
  if (prices === undefined) return { tokens };
  const model =
    models.map((field) => findIn(value, field)?.value).find(isText) ?? usage.model ?? '';
  const cost = prices.costOf(usage, model);
  if (cost !== undefined) return { tokens, cost };
  const detail = model === '' ? 'it is not named' : model.slice(0, SHOWN_CHARS);
  return { tokens, costFault: { kind: 'noPrice', detail } };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** The line's object. */
function parsed(line: string): unknown {
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
  return { kind: 'noKey' };
}

/** An Idempotency-Key is a string of RFC 9651 §3.3.3, whose quotes only some send. */
function withoutQuotes(key: string): string {
  return key.length > 2 && key.startsWith('"') && key.endsWith('"') ? key.slice(1, -1) : key;
}

/** A request is logged as a value, or as the text of the body. */
function derivedKey(
  line: string,
  value: unknown,
  { field, identity }: NonNullable<CallFields['request']>,
): string | Fault {
  const found = findIn(value, field);
  if (found === undefined || found.value === null || found.value === '') return { kind: 'noKey' };
  const text = typeof found.value === 'string' ? found.value : memberText(line, found.names);
  try {
    return keyOfJson(text, identity);
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (!String(code).startsWith('SAMEKEY_')) throw error;
    return { kind: 'badRequest', detail: String(message).replace(/^Cannot .*?: /s, '') };
  }
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
