import { execFile, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** The path of a file of the repository. */
export const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** A language with the key format in one file of its standard library. */
export interface Port {
  readonly name: string;
  /** The commands that must be installed. */
  readonly tools: readonly string[];
  readonly folder: string;
  /** Returns the command that compiles a program of the folder. */
  build(program: string, output: string): readonly [string, ...string[]];
}

/** Without modules from the network, and without another toolchain. */
const GO = { GOFLAGS: '-mod=mod', GOPROXY: 'off', GOTOOLCHAIN: 'local' };

export const GO_PORT: Port = {
  name: 'Go',
  tools: ['go'],
  folder: path('examples/go'),
  build: (program, output) => ['go', 'build', '-o', output, `${program}.go`],
};

export const RUST_PORT: Port = {
  name: 'Rust',
  tools: ['rustc', 'cc'],
  folder: path('examples/rust'),
  // Unoptimized, it is compiled in a third of the time. A warning is an error.
  build: (program, output) => [
    ...(['rustc', '--edition', '2021', '-D', 'warnings'] as const),
    ...['-C', 'debuginfo=0', '-o', output, `${program}.rs`],
  ],
};

export const PORTS = [GO_PORT, RUST_PORT];

export function isThere(port: Port): boolean {
  return port.tools.every((tool) => spawnSync('which', [tool]).status === 0);
}

/** Runs a test if the compiler is installed. Otherwise prints one line. */
export function withPort(ports: Port | readonly Port[], name: string, test: () => unknown): void {
  it(name, async () => {
    const missing = [ports].flat().filter((port) => !isThere(port));
    if (missing.length === 0) return await test();
    const tools = missing.map(({ tools: [tool] }) => tool).join(' and ');
    console.warn(`${tools} is not here, so this did not run: ${name}`);
    expect(process.env.CI, `in CI there must be ${tools}`).toBeFalsy();
  });
}

const run = promisify(execFile);

/** Compiles the programs of a test file, each once. */
export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'samekey-ports-'));
  readonly #built = new Map<string, Promise<string>>();

  /** Resolves to the path of the executable. */
  get(port: Port, program: string): Promise<string> {
    const id = `${port.name}-${program}`;
    let built = this.#built.get(id);
    if (built === undefined) {
      const output = join(this.#folder, id);
      const [command, ...args] = port.build(program, output);
      built = run(command, args, { cwd: port.folder, env: { ...process.env, ...GO } }).then(
        () => output,
      );
      this.#built.set(id, built);
    }
    return built;
  }

  /** Runs a program to its end. */
  async run(
    port: Port,
    program: string,
    args: readonly string[],
    input: string | Buffer = '',
  ): Promise<SpawnSyncReturns<string>> {
    const file = await this.get(port, program);
    return spawnSync(file, args, { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
