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
    try {
      return await this.#connection.send(keys[0], ['EVALSHA', digest, ...parameters]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#connection.send(keys[0], [
        'EVAL',
        this.#connection.wire.scripts[name],
        ...parameters,
      ]);
    }
  }

  async #digestOf(name: ScriptName): Promise<string> {
    const digest = await sha1Hex(this.#connection.wire.scripts[name]);
    this.#digests.set(name, digest);
    return digest;
  }
}
