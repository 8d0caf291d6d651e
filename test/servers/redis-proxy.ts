import { createConnection, createServer, type Socket } from 'node:net';

/** A proxy that sees every command, can answer in place of the server, and can have several servers. */
export interface RedisProxy {
  readonly port: number;
  readonly url: string;
  /** The commands that it has got, in order. */
  readonly commands: string[][];
  /** Returns a reply in RESP, or `undefined` to ask the server. */
  answer: (command: readonly string[]) => string | undefined;
  stop(): Promise<void>;
}

/**
 * Starts a proxy in front of the servers on `ports`. It sends each command to the server of its first key,
 * as twemproxy does.
 */
export function startRedisProxy(...ports: readonly number[]): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const nodes = ports.map((port) => createConnection(port, '127.0.0.1'));
    for (const each of [socket, ...nodes]) {
      sockets.add(each);
      each.on('error', () => {});
      each.on('close', () => {
        sockets.delete(each);
        for (const other of [socket, ...nodes]) other.destroy();
      });
    }
    let received = '';
    let earlier = Promise.resolve();
    socket.setEncoding('latin1').on('data', (data: string) => {
      received += data;
      for (;;) {
        const command = commandIn(received);
        if (command === undefined) return;
        received = received.slice(command.length);
        earlier = earlier.then(async () => {
          proxy.commands.push(command.words);
          const node = nodes[nodeOf(firstKeyOf(command.words), nodes.length)] as Socket;
          const reply = proxy.answer(command.words) ?? (await ask(node, command.text));
          socket.write(reply, 'latin1');
        });
      }
    });
  });
  const proxy: RedisProxy = {
    port: 0,
    url: '',
    commands: [],
    answer: () => undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      resolve(Object.assign(proxy, { port, url: `redis://127.0.0.1:${port}` }));
    });
  });
}

interface Command {
  readonly words: string[];
  readonly text: string;
  readonly length: number;
}

/** Returns the first command in `text`, a list of strings in RESP, if all of it is there. */
function commandIn(text: string): Command | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  const words: string[] = [];
  let at = head[0].length;
  while (words.length < Number(head[1])) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (size === null) return undefined;
    const from = at + size[0].length;
    at = from + Number(size[1]) + 2;
    if (at > text.length) return undefined;
    words.push(text.slice(from, at - 2));
  }
  return { words, text: text.slice(0, at), length: at };
}

const isEval = (words: readonly string[]) => /^EVAL/i.test(words[0] ?? '');

const firstKeyOf = (words: readonly string[]) => (isEval(words) ? words[3] : words[1]) ?? '';

/** How many keys the command of a script has. */
export const keyCountOf = (words: readonly string[]) => (isEval(words) ? Number(words[2]) : 0);

/** Returns the number of the server that has the key. */
export const nodeOf = (key: string, count: number) =>
  [...key].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 65_521, 7) % count;

/** The end of a reply shows by the reply to a second command. */
async function ask(node: Socket, command: string): Promise<string> {
  const mark = `$8\r\n${Math.random().toString(36).slice(2, 10).padEnd(8, '0')}\r\n`;
  const replied = new Promise<string>((resolve) => {
    let reply = '';
    const listen = (data: Buffer) => {
      reply += data.toString('latin1');
      if (!reply.endsWith(mark)) return;
      node.off('data', listen);
      resolve(reply.slice(0, -mark.length));
    };
    node.on('data', listen);
  });
  node.write(`${command}*2\r\n$4\r\nECHO\r\n${mark}`, 'latin1');
  return replied;
}
