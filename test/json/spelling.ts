import { BytesSink } from '../../src/json/canonicalize.js';
import { parseJson } from '../../src/json/parse.js';
import { type WriteJsonOptions, writeJson } from '../../src/json/write-json.js';
import { under } from '../engine/engines.js';

const LIMITS = {
  maxDepth: 1000,
  bigNumbers: 'error',
  selection: undefined,
  include: undefined,
} as const;

/**
 * The output of the module for a JSON text, or `undefined` if it refuses. No other reader is used.
 */
export function inModule(
  content: string | Uint8Array,
  options: Partial<WriteJsonOptions> = {},
): string | undefined {
  const bytes = under('wasm', () => writeJson(content, { ...LIMITS, ...options }, new BytesSink()));
  return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Whether the reader in plain TypeScript accepts it. */
export function isAccepted(content: string | Uint8Array, options = {}): boolean {
  try {
    parseJson(content, { ...LIMITS, ...options });
    return true;
  } catch {
    return false;
  }
}

/** One of the many JSON texts of a value: other order, white space, escapes and numbers. */
export function spelled(value: unknown, next: () => number, blank = 0.3): string {
  const below = (count: number) => Math.floor(next() * count);
  const gap = () => {
    if (next() >= blank) return '';
    return Array.from({ length: 1 + below(next() < 0.1 ? 40 : 3) }, () => ' \n\t\r'[below(4)]).join(
      '',
    );
  };
  const text = (content: string) => {
    const share = next() < 0.5 ? 0 : next();
    const chars = [...content].map((char) => {
      if (next() >= share)
        return char === '/' && next() < 0.5 ? '\\/' : JSON.stringify(char).slice(1, -1);
      const units = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16));
      return units
        .map(
          (unit) =>
            `\\u${next() < 0.5 ? unit.padStart(4, '0') : unit.toUpperCase().padStart(4, '0')}`,
        )
        .join('');
    });
    return `"${chars.join('')}"`;
  };
  const number = (x: number) => {
    const forms = [JSON.stringify(x)];
    forms.push(x.toExponential(), x.toExponential().replace('e', 'E'), `${x.toExponential(20)}`);
    if (Number.isInteger(x) && Math.abs(x) < 1e21)
      forms.push(`${BigInt(x)}.0`, `${BigInt(x)}.000e0`);
    if (Object.is(x, -0)) forms.push('-0', '-0.0e-5');
    return forms[next() < 0.5 ? 0 : below(forms.length)] as string;
  };
  const write = (each: unknown): string => {
    if (typeof each === 'string') return text(each);
    if (typeof each === 'number') return number(each);
    if (typeof each !== 'object' || each === null) return JSON.stringify(each);
    if (Array.isArray(each)) {
      return `[${gap()}${each.map((element) => write(element) + gap()).join(`,${gap()}`)}]`;
    }
    const members = Object.entries(each).map(
      ([name, member]) =>
        [next(), `${text(name)}${gap()}:${gap()}${write(member)}${gap()}`] as const,
    );
    return `{${gap()}${members
      .sort(([a], [b]) => a - b)
      .map(([, member]) => member)
      .join(`,${gap()}`)}}`;
  };
  return gap() + write(value) + gap();
}
