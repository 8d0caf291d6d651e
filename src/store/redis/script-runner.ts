import { sha1Hex } from '../text-digest.js';
import type { Argument, Connection } from './client.js';
import type { ScriptName } from './scripts.js';

/** Runs scripts by their digest, and sends the text to a server that does not know it. */
export class ScriptRunner {
  readonly #connection: Connection;
  readonly #digests = new Map<ScriptName, string>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async run(
    name: ScriptName,
    keys: readonly [string, ...string[]],
    args: readonly Argument[] = [],
  ): Promise<unknown> {
    const digest = this.#digests.get(name) ?? (await this.#digestOf(name));
    const parameters = [String(keys.length), ...keys, ...args];
    let command: readonly Argument[] = ['EVALSHA', digest, ...parameters];
    const { wire } = this.#connection;
    for (let attempt = 1; ; ) {
      try {
        return await this.#connection.send(keys[0], command);
      } catch (error) {
        const isUnknown = error instanceof Error && error.message.startsWith('NOSCRIPT');
        if (isUnknown && command[0] === 'EVALSHA')
          command = ['EVAL', wire.scripts[name], ...parameters];
        else await wire.again(error, attempt++);
      }
    }
  }

  async #digestOf(name: ScriptName): Promise<string> {
    const digest = await sha1Hex(this.#connection.wire.scripts[name]);
    this.#digests.set(name, digest);
    return digest;
  }
}
