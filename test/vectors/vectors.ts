import { readFileSync } from 'node:fs';

/** How the files in `test/vectors` describe bytes. Every language needs these few lines. */
export type ContentRule =
  | { readonly utf8: string }
  | { readonly hex: string }
  | { readonly pattern: number }
  | { readonly repeat: ({ readonly utf8: string } | { readonly hex: string }) & { count: number } };

/** Returns the bytes i mod 251: the period is odd, so no block equals another. */
export function pattern(byteCount: number): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, i) => i % 251);
}

export function contentBytes(rule: ContentRule): Uint8Array {
  if ('utf8' in rule) return new TextEncoder().encode(rule.utf8);
  if ('hex' in rule) return Uint8Array.from(Buffer.from(rule.hex, 'hex'));
  if ('pattern' in rule) return pattern(rule.pattern);
  const once = contentBytes(rule.repeat);
  const bytes = new Uint8Array(once.length * rule.repeat.count);
  for (let at = 0; at < bytes.length; at += once.length) bytes.set(once, at);
  return bytes;
}

/** Returns the content in every accepted form: bytes, and text if the rule has one. */
export function contentForms(rule: ContentRule): (Uint8Array | string)[] {
  return 'utf8' in rule ? [rule.utf8, contentBytes(rule)] : [contentBytes(rule)];
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export interface Named {
  readonly name: string;
}

/** Returns the list `section` of the file `name` in `test/vectors`. */
export function loadVectors<T extends Named>(name: string, section = 'vectors'): readonly T[] {
  const file = new URL(`${name}`, import.meta.url);
  const rows = JSON.parse(readFileSync(file, 'utf8'))[section] as readonly T[];
  if (!(rows?.length > 0)) throw new Error(`${name} has no ${section}`);
  return rows;
}
