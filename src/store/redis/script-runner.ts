import { sha1Hex } from '../text-digest.js';
import type { Argument, Connection } from './client.js';
import { SCRIPTS, type ScriptName } from './scripts.js';

/** Runs scripts by their digest, and sends the text to a server that does not know it. */
export class ScriptRunner {
  readonly #connection: Connection;
  readonly #digests = new Map<ScriptName, Promise<string>>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async run(name: ScriptName, key: string, args: readonly Argument[] = []): Promise<unknown> {
    let digest = this.#digests.get(name);
    if (digest === undefined) {
      digest = sha1Hex(SCRIPTS[name]);
      this.#digests.set(name, digest);
    }
    try {
      return await this.#connection.send(key, ['EVALSHA', await digest, '1', key, ...args]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#connection.send(key, ['EVAL', SCRIPTS[name], '1', key, ...args]);
    }
  }
}
