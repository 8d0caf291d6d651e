import type { LiveMessage, Overview } from '../messages.js';
import { BucketWindow } from './bucket-window.js';
import { ServerClock } from './server-clock.js';

/** What the server said last. Panels read it when they draw. */
export class LiveState {
  readonly clock = new ServerClock();
  readonly buckets = new BucketWindow();
  overview: Overview | undefined;
  latest: LiveMessage | undefined;

  receiveOverview(overview: Overview): void {
    this.overview = overview;
    this.buckets.configure(overview);
  }

  /** `isFirst`: the first message of a connection has all buckets. */
  receive(message: LiveMessage, isFirst: boolean): void {
    this.latest = message;
    this.clock.set(message.nowMs);
    if (isFirst) this.buckets.clear();
    this.buckets.merge(message.buckets, message.nowMs);
  }
}
