/**
 * Returns a module of Node.js; `undefined` on a platform without it. It is found at run time, so that
 * bundlers see no import. On the edge runtime of Next.js the function exists, and throws.
 */
export function builtinModule<T>(name: string): T | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): T | undefined };
  };
  try {
    return process?.getBuiltinModule?.(name);
  } catch {
    return undefined;
  }
}
