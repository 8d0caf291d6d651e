import { type CallExtra, metaOf, type Notification } from './call.js';

type Send = (notification: Notification) => Promise<void>;

/** The callers that wait for each key in this process: each one receives the progress of the run. */
export class WaitingCallers {
  readonly #byKey = new Map<string, Set<CallExtra>>();

  /** Adds a caller until its promise settles. */
  async during<T>(key: string, extra: CallExtra, wait: () => Promise<T>): Promise<T> {
    const callers = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, callers.add(extra));
    try {
      return await wait();
    } finally {
      callers.delete(extra);
      if (callers.size === 0) this.#byKey.delete(key);
    }
  }

  /**
   * Returns the `sendNotification` of a run that the call of `runner` started. Progress goes to each
   * waiting caller that asked for it, with its own token; everything else to `runner`. It never rejects:
   * a caller that has left must not make the run fail.
   */
  senderOf(key: string, runner: CallExtra): Send {
    return async (notification) => {
      const { method, params } = notification;
      const token = metaOf(runner, 'progressToken');
      const isShared =
        method === 'notifications/progress' &&
        token !== undefined &&
        params?.progressToken === token;
      const sent = isShared
        ? [...(this.#byKey.get(key) ?? [])].map((caller) => sendProgress(caller, notification))
        : [send(runner, notification)];
      await Promise.allSettled(sent);
    };
  }
}

async function sendProgress(caller: CallExtra, { method, params }: Notification): Promise<void> {
  const progressToken = metaOf(caller, 'progressToken');
  if (progressToken !== undefined)
    await send(caller, { method, params: { ...params, progressToken } });
}

/** `async`, so that an error of a closed transport rejects. */
async function send(caller: CallExtra, notification: Notification): Promise<void> {
  await caller.sendNotification(notification as never);
}
