/** The text of the model: the same in both dialects. */

/** @typedef {{ name: string, arguments: Record<string, unknown> }} ToolCall */

/**
 * Answers a question, or calls the first of the tools.
 *
 * @param {object} asked
 * @param {number} asked.number of this answer: it tells apart work that is done twice
 * @param {string} asked.question
 * @param {{ name: string, schema?: object }} [asked.tool]
 * @param {number} asked.size in tokens of input
 * @param {number} asked.minChars of the text
 * @returns {{ words: string[], text: string, toolCall?: ToolCall, inputTokens: number, outputTokens: number }}
 */
export function reply({ number, question, tool, size, minChars }) {
  if (tool !== undefined) {
    const toolCall = { name: tool.name, arguments: sample(tool.schema ?? {}, 'value') };
    const text = JSON.stringify(toolCall.arguments);
    return { words: [], text: '', toolCall, inputTokens: size, outputTokens: tokensOf(text) };
  }
  let text = `Answer ${number} to: ${question}`;
  if (text.length < minChars) text = text.padEnd(minChars, ' — and so on');
  // Each with the space before it, as in tokens.
  const words = text.match(/\s*\S+|\s+$/g);
  return { words, text, inputTokens: size, outputTokens: tokensOf(text) };
}

/** Estimates the tokens of a text, at four characters each. */
export const tokensOf = (text) => Math.ceil(text.length / 4);

/** Returns a value that a JSON schema allows. */
function sample(schema, name) {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return `the ${name}`;
    case 'number':
    case 'integer':
      return 7;
    case 'boolean':
      return true;
    case 'array':
      return [sample(schema.items ?? { type: 'string' }, name)];
    case 'null':
      return null;
    default:
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([each, its]) => [each, sample(its, each)]),
      );
  }
}

/** Returns the text of a message's content, which is text or a list of parts. */
export function textOf(content) {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? '').join('');
}

/** Returns a server-sent event. */
export const sse = (data, event) =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** Splits a text into about `count` pieces. */
export function pieces(text, count = 4) {
  const size = Math.max(1, Math.ceil(text.length / count));
  return text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [''];
}

/** An invalid request. It is answered with 4xx and not billed. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
