/** The tokens of a call, wherever a line of a log has them. */
import { type Usage, usageIn } from '../cost/usage.js';
import { usageOf } from '../cost/usage-of.js';
import { type Field, findIn } from './field.js';

/** How a body begins that is a stream of events. */
const EVENTS = /^\s*(?:data|event|id|:)/;

/** The usage in the first field that has one: a usage, an answer, or the text of a body. */
export function usageInLog(line: unknown, fields: readonly Field[]): Usage | undefined {
  for (const field of fields) {
    const found = findIn(line, field)?.value;
    const usage = typeof found === 'string' ? usageInText(found) : usageIn(found);
    if (usage !== undefined) return usage;
  }
  return undefined;
}

function usageInText(text: string): Usage | undefined {
  const type = EVENTS.test(text) ? 'text/event-stream' : 'application/json';
  return usageOf(Buffer.from(text), type);
}
