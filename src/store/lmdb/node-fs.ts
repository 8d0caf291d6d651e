/**
 * The functions of `node:fs` that the store uses. The project compiles without the types of
 * Node.js.
 */
interface NodeFs {
  closeSync(descriptor: number): void;
  fstatSync(descriptor: number): Stats;
  mkdirSync(path: string, options: { recursive: true }): void;
  openSync(path: string, flags: 'r' | 'wx'): number;
  readFileSync(path: string, encoding: 'latin1'): string;
  readSync(
    descriptor: number,
    into: DataView,
    offset: number,
    length: number,
    position: number,
  ): number;
  rmSync(path: string, options: { force: true }): void;
  statfsSync(path: string): {
    readonly bavail: number;
    readonly blocks: number;
    readonly bsize: number;
  };
  statSync(path: string): Stats;
  statSync(path: string, options: { throwIfNoEntry: false }): Stats | undefined;
}

interface Stats {
  readonly dev: number;
  readonly ino: number;
  readonly mtimeMs: number;
  readonly size: number;
  isDirectory(): boolean;
  isFile(): boolean;
}

const { process } = globalThis as unknown as {
  process: { getBuiltinModule(id: string): unknown };
};

/** The `lmdb` package only runs on platforms that have this function. */
export const fs = process.getBuiltinModule('node:fs') as NodeFs;
