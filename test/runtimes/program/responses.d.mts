export const RESPONSES: Readonly<Record<string, () => Response>>;
export function streamOf(parts: string[]): ReadableStream<Uint8Array>;
