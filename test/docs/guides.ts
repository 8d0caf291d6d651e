import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, vi } from 'vitest';
import { ended, endWithTests, freePort } from '../servers/process.js';

/** A step of a guide, in the order in which a reader does them. */
export type Step =
  | { readonly does: 'write'; readonly file: string; readonly code: string }
  | { readonly does: 'run'; readonly commands: string; readonly terminal: string }
  | { readonly does: 'read'; readonly output: string; readonly terminal: string };

/** The first line of a file names it: `// ask.mjs`, `# ask.py`. */
const NAME = /^(?:\/\/|#) ([\w./-]+\.\w+)(?::.*)?\n/;

/**
 * Returns the steps of a guide. A block of `sh` has commands, a block of `text` their whole output, and
 * every other block is a file. A second word after `sh` or `text` names another terminal. Blocks that
 * are marked `no-run` are no steps.
 */
export function stepsOf(markdown: string): Step[] {
  return [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```/gm)].flatMap(
    ([, fence = '', code = '']): Step[] => {
      const [language, mark = 'first-terminal'] = fence.trim().split(/\s+/);
      if (mark === 'no-run') return [];
      if (language === 'sh') return [{ does: 'run', commands: code, terminal: mark }];
      if (language === 'text') return [{ does: 'read', output: code, terminal: mark }];
      const file = NAME.exec(code)?.[1];
      if (file === undefined)
        throw new Error(`the first line of this block names no file:\n${code}`);
      return [{ does: 'write', file, code }];
    },
  );
}

/** The ports of the guides. Each run has free ones in their place. */
const PORTS = /\b(?:3000|8787|9000)\b/g;

/** `…` stands for text in a line, and alone in a line for any lines. */
function patternOf(output: string): RegExp {
  const escaped = output.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = escaped.replace(/^…\n/gm, '(?:.*\\n)*').replaceAll('…', '.*');
  return new RegExp(`^${pattern}$`);
}

interface Terminal {
  readonly child: ChildProcess;
  output: string;
  readLength: number;
}

/** Does the steps of a guide in a folder, as a reader does with one terminal or more. */
export class Reader {
  readonly #terminals = new Map<string, Terminal>();
  readonly #ports = new Map<string, string>();

  constructor(
    private readonly folder: string,
    /** Returns the folder of a package that a guide installs. */
    private readonly packageFolder: (name: string) => string,
  ) {}

  async follow(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.does === 'write') this.#write(step.file, await this.#withPorts(step.code));
      else if (step.does === 'run')
        await this.#run(await this.#withPorts(step.commands), step.terminal);
      else await this.#read(await this.#withPorts(step.output), step.terminal);
    }
    for (const terminal of [...this.#terminals.keys()]) await this.#end(terminal);
  }

  async #withPorts(text: string): Promise<string> {
    for (const [port] of text.matchAll(PORTS)) {
      if (!this.#ports.has(port)) this.#ports.set(port, String(await freePort()));
    }
    return text.replace(PORTS, (port) => this.#ports.get(port) as string);
  }

  #write(file: string, code: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }

  /** In the first terminal commands end. In the others they run until others are started there. */
  async #run(commands: string, terminal: string): Promise<void> {
    await this.#end(terminal);
    const rest = commands.replace(/^npm install (.*)\n/gm, (_, names: string) => {
      this.#install(names.split(' '));
      return '';
    });
    if (rest.trim() === '') return;
    const child = spawn('bash', ['-eu', '-c', rest], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithTests(child);
    const started: Terminal = { child, output: '', readLength: 0 };
    const collect = (text: string) => {
      started.output += text;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    this.#terminals.set(terminal, started);
    if (terminal === 'first-terminal') await new Promise((resolve) => child.once('close', resolve));
  }

  /** A guide installs the newest versions; here they are those that the tests use. */
  #install(names: readonly string[]): void {
    for (const name of names) {
      const target = this.packageFolder(name);
      const path = join(this.folder, 'node_modules', name);
      mkdirSync(dirname(path), { recursive: true });
      if (name !== 'samekey') {
        symlinkSync(target, path);
        continue;
      }
      // Not a link, so that samekey finds its peers only if the guide installs them.
      cpSync(target, path, { recursive: true });
      const programs = join(this.folder, 'node_modules/.bin');
      mkdirSync(programs);
      chmodSync(join(path, 'dist/cli/samekey.js'), 0o755);
      symlinkSync('../samekey/dist/cli/samekey.js', join(programs, 'samekey'));
    }
  }

  async #read(output: string, terminal: string): Promise<void> {
    const started = this.#terminals.get(terminal);
    if (started === undefined) throw new Error(`nothing runs in the ${terminal}`);
    const rest = () => started.output.slice(started.readLength);
    const matching = expect.stringMatching(patternOf(output));
    const check = () => expect(rest()).toEqual(matching);
    if (terminal === 'first-terminal') check();
    else await vi.waitFor(check, { timeout: 60_000, interval: 50 });
    started.readLength = started.output.length;
  }

  /** Ends what runs in a terminal. It has printed nothing that the guide does not show. */
  async #end(terminal: string): Promise<void> {
    const started = this.#terminals.get(terminal);
    if (started === undefined) return;
    this.#terminals.delete(terminal);
    expect(started.output.slice(started.readLength)).toBe('');
    const { child } = started;
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await ended(child);
  }

  /** Ends everything, after a failure. */
  stop(): void {
    for (const { child } of this.#terminals.values()) {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
    this.#terminals.clear();
  }
}
