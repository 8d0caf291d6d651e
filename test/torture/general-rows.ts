import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreAt } from './crew.js';
import { startLink } from './link.js';
import type { Row, Subject } from './torture.js';

/** A store in its usual configuration, for the faults that all stores have in common. */
export interface PlainStore {
  readonly store: string;
  /** Whether it lives in one process and ends with it. */
  readonly isOfOneProcess?: true;
  missing(): string | undefined;
  start(): Promise<{ readonly at: readonly StoreAt[]; stop(): Promise<void> }>;
}

/** Processes are killed, and processes are stopped for longer than their lease. */
export function processRows(plain: PlainStore): Row[] {
  const { store, missing, start } = plain;
  const many = { store, missing };
  const one = { ...many, workers: 1, kills: false, load: { callers: 24 } } as const;
  return [
    ...(plain.isOfOneProcess
      ? []
      : [{ ...many, name: `${store}: killed`, fault: 'a process is killed (`kill -9`)', start }]),
    {
      ...(plain.isOfOneProcess ? one : { ...many, kills: false }),
      name: `${store}: paused`,
      fault: 'a process is stopped for up to three leases (`SIGSTOP`)',
      everyMs: 300,
      start: async () => ({
        ...(await start()),
        async fault(crew, next) {
          const forMs = 200 + next() * 2800;
          await crew.pauseOne(forMs);
          return 'paused';
        },
      }),
    },
  ];
}

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

/** The network between the processes and a server. */
export function linkRows(
  store: string,
  missing: () => string | undefined,
  startServer: () => Promise<Server>,
  at: (port: number) => readonly StoreAt[],
): Row[] {
  const linked = async (
    fault: (link: Awaited<ReturnType<typeof startLink>>, next: () => number) => Promise<string>,
  ): Promise<Subject> => {
    const server = await startServer();
    const link = await startLink(server.port);
    return {
      at: at(link.port),
      fault: (_, next) => fault(link, next),
      async stop() {
        await link.stop();
        await server.stop();
      },
    };
  };
  return [
    {
      name: `${store}: link delays`,
      fault: 'the network delays everything by up to a second each way',
      start: () =>
        linked(async (link, next) => {
          link.delayMs = 10 + next() * 990;
          await sleep(500 + next() * 1000);
          link.delayMs = 0;
          return 'delay';
        }),
    },
    {
      name: `${store}: link cuts`,
      fault: 'connections are cut in the middle of a reply',
      everyMs: 500,
      start: () =>
        linked(async (link, next) => {
          if (next() < 0.5) link.cut();
          else link.cutNextReplies();
          return 'cut';
        }),
    },
    {
      name: `${store}: link one way`,
      fault: 'connections pass on only one direction',
      start: () =>
        linked(async (link, next) => {
          const side = next() < 0.5 ? 'requests' : 'replies';
          if (next() < 0.5) {
            link.halfClose(side);
          } else {
            link.muted = side;
            await sleep(200 + next() * 2000);
            link.muted = undefined;
            // Dropped bytes would shift all bytes after them.
            link.cut();
          }
          return `no ${side}`;
        }),
    },
  ].map((row) => ({ ...row, store, missing }));
}
