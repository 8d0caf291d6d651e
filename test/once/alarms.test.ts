import { afterEach, describe, expect, it, vi } from 'vitest';
import { Alarms } from '../../src/once/alarms.js';
import { createOnce } from '../../src/once/index.js';
import { useRuntime } from '../../src/runtime/runtime.js';
import { memoryStore } from '../../src/store/memory.js';
import { sleep } from './scene.js';

describe('alarms', () => {
  it('ring in turn, each after its own time, but for those that were taken back', () => {
    vi.useFakeTimers();
    const alarms = new Alarms(60);
    const rung: string[] = [];
    const first = alarms.set(() => rung.push('first'));
    alarms.set(() => rung.push('second'));
    vi.advanceTimersByTime(30);
    alarms.clear(first);
    alarms.set(() => rung.push('third'));
    vi.advanceTimersByTime(29);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual(['second']);
    vi.advanceTimersByTime(29);
    expect(rung).toEqual(['second']);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual(['second', 'third']);
  });

  it('may be set by one that rings, and rung again when all had gone', async () => {
    const alarms = new Alarms(5);
    let count = 0;
    const again = () => {
      if (++count < 3) alarms.set(again);
    };
    alarms.set(again);
    await expect.poll(() => count).toBe(3);
    await sleep(20);
    alarms.clear(alarms.set(again));
    alarms.set(again);
    await expect.poll(() => count).toBe(4);
  });

  it('ring in time though one that rang before has set another', () => {
    vi.useFakeTimers();
    const alarms = new Alarms(200);
    const rung: string[] = [];
    alarms.set(() => alarms.set(() => rung.push('set by the first')));
    vi.advanceTimersByTime(20);
    alarms.set(() => rung.push('second'));
    vi.advanceTimersByTime(210);
    expect(rung).toEqual(['second']);
    vi.advanceTimersByTime(200);
    expect(rung).toEqual(['second', 'set by the first']);
  });

  it('count from an earlier moment, and ring before those that end later', () => {
    vi.useFakeTimers();
    const alarms = new Alarms(100);
    const rung: string[] = [];
    const setAt = performance.now();
    vi.advanceTimersByTime(50);
    alarms.set(() => rung.push('of now'));
    const cleared = alarms.set(() => rung.push('cleared'), setAt + 10);
    alarms.set(() => rung.push('of the start'), setAt);
    alarms.set(() => rung.push('of a moment ago'), setAt + 20);
    alarms.set(() => rung.push('overdue'), setAt - 200);
    expect(vi.getTimerCount()).toBe(1);
    alarms.clear(cleared);
    vi.advanceTimersByTime(49);
    expect(rung).toEqual(['overdue']);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual(['overdue', 'of the start']);
    vi.advanceTimersByTime(20);
    expect(rung).toEqual(['overdue', 'of the start', 'of a moment ago']);
    vi.advanceTimersByTime(30);
    expect(rung).toEqual(['overdue', 'of the start', 'of a moment ago', 'of now']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of all callers with `waitMs` share a timer', async () => {
    const timers: number[] = [];
    for (const callerCount of [1, 50]) {
      vi.useFakeTimers();
      const store = memoryStore();
      createOnce({ store })('order-7', () => new Promise(() => {}));
      const once = createOnce({ store, waitMs: 1000 });
      const refused: unknown[] = [];
      for (let caller = 0; caller < callerCount; caller++) {
        once('order-7', () => 1).catch(({ code }) => refused.push(code));
      }
      await vi.advanceTimersByTimeAsync(999);
      timers.push(vi.getTimerCount());
      expect(refused).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(refused).toEqual(Array.from({ length: callerCount }, () => 'SAMEKEY_IN_PROGRESS'));
      vi.useRealTimers();
    }
    expect(timers[1]).toBe(timers[0]);
  });

  it('ring though one before them throws', () => {
    vi.useFakeTimers();
    const alarms = new Alarms(50);
    let rung = 0;
    alarms.set(() => {
      throw new Error('of the callback');
    });
    alarms.set(() => rung++);
    expect(() => vi.advanceTimersByTime(60)).toThrow('of the callback');
    vi.advanceTimersByTime(60);
    expect(rung).toBe(1);
  });

  it('take one timer of the platform for all of them', () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const alarms = new Alarms(1000);
    const set = Array.from({ length: 100 }, () => alarms.set(() => {}));
    for (const alarm of set) alarms.clear(alarm);
    for (let i = 0; i < 100; i++) alarms.clear(alarms.set(() => {}));
    expect(timers).toHaveBeenCalledTimes(1);
    timers.mockRestore();
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** The globals that vitest, jest and sinon replace. Some versions do not replace `performance`. */
const FAKES = [
  { toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] },
  { toFake: ['setTimeout', 'clearTimeout', 'Date'] },
] as const;

describe.each(FAKES)('alarms where a test replaces $toFake', ({ toFake }) => {
  const install = () => vi.useFakeTimers({ toFake: [...toFake] });

  it('ring after real timers came back', async () => {
    install();
    const alarms = new Alarms(20);
    let rung = 0;
    alarms.clear(alarms.set(() => rung++));
    vi.useRealTimers();
    alarms.set(() => rung++);
    await expect.poll(() => rung).toBe(1);
  });

  it('ring after real timers came back, those set before them too', async () => {
    install();
    const alarms = new Alarms(20);
    const rung: string[] = [];
    alarms.set(() => rung.push('set before'));
    vi.advanceTimersByTime(5);
    vi.useRealTimers();
    alarms.set(() => rung.push('set after'));
    await expect.poll(() => rung).toEqual(['set before', 'set after']);
  });

  it('ring when fake timers are installed later and advanced', () => {
    const alarms = new Alarms(1000);
    const rung: string[] = [];
    alarms.clear(alarms.set(() => rung.push('cleared')));
    alarms.set(() => rung.push('real'));
    install();
    alarms.set(() => rung.push('fake'));
    vi.advanceTimersByTime(990);
    expect(rung).not.toContain('fake');
    vi.advanceTimersByTime(20);
    expect(rung).toEqual(['real', 'fake']);
  });

  it('ring by a real timer that was set before fake ones came', async () => {
    const alarms = new Alarms(20);
    let rung = 0;
    alarms.set(() => rung++);
    await sleep(5);
    alarms.set(() => rung++);
    const realSleep = sleep(60);
    install();
    await realSleep;
    expect(rung).toBe(1);
    // Its time advances by the fake clock: by its whole delay, in case the machine was slow.
    vi.advanceTimersByTime(40);
    expect(rung).toBe(2);
  });

  it('ring each in its turn, as the fake clock is advanced', () => {
    install();
    const alarms = new Alarms(100);
    const rung: number[] = [];
    for (const turn of [1, 2, 3]) {
      alarms.set(() => rung.push(turn));
      vi.advanceTimersByTime(50);
    }
    vi.advanceTimersByTime(200);
    expect(rung).toEqual([1, 2, 3]);
  });
});

describe('alarms whose timer is gone or whose clock was set', () => {
  /** A runtime whose timers are called, or forgotten, by hand. */
  function manualRuntime() {
    const timers = new Map<object, { callback: () => void; delayMs: number }>();
    const clock = { nowMs: 10_000 };
    const restore = useRuntime({
      monotonicMs: () => clock.nowMs,
      wallClockMs: () => clock.nowMs,
      steadyClockMs: () => clock.nowMs,
      setTimer: (callback, delayMs) => {
        const timer = {};
        timers.set(timer, { callback, delayMs });
        return timer;
      },
      clearTimer: (timer) => timers.delete(timer as object),
      random: () => 0,
      randomUuid: () => '',
    });
    const fire = () => {
      const [timer] = timers.keys();
      const set = timer && timers.get(timer);
      if (set === undefined) throw new Error('no timer is set');
      timers.delete(timer as object);
      set.callback();
      return set.delayMs;
    };
    return { timers, clock, fire, restore };
  }

  it('ring after the platform has dropped the timer', () => {
    const { timers, clock, fire, restore } = manualRuntime();
    const alarms = new Alarms(300);
    let rung = 0;
    alarms.set(() => rung++);
    timers.clear();
    clock.nowMs += 1000;
    alarms.set(() => rung++);
    fire();
    expect(rung).toBe(1);
    clock.nowMs += 300;
    fire();
    expect(rung).toBe(2);
    restore();
  });

  it('ring after the clock went back', () => {
    const { clock, fire, restore } = manualRuntime();
    const alarms = new Alarms(300);
    let rung = 0;
    alarms.set(() => rung++);
    clock.nowMs = 50;
    expect(fire()).toBe(300);
    expect(rung).toBe(1);
    alarms.set(() => rung++);
    clock.nowMs = 10;
    alarms.set(() => rung++);
    clock.nowMs = 310;
    expect(fire()).toBe(300);
    expect(rung).toBe(3);
    restore();
  });

  it('leave no timer behind that keeps a process alive', () => {
    const { timers, restore } = manualRuntime();
    const alarms = new Alarms(300);
    const [first, second] = [alarms.set(() => {}), alarms.set(() => {})];
    alarms.clear(first);
    expect(timers.size).toBe(1);
    alarms.clear(second);
    expect(timers.size).toBe(0);
    restore();
  });
});

describe.each(['WebSocketPair', 'EdgeRuntime'])('alarms on a platform with %s', (name) => {
  it('have a timer each: one that is set by a request ends with that', async () => {
    vi.stubGlobal(name, 'of the platform');
    const alarms = new Alarms(20);
    const timers = vi.spyOn(globalThis, 'setTimeout');
    let rung = 0;
    alarms.clear(alarms.set(() => rung++));
    const set = [alarms.set(() => rung++), alarms.set(() => rung++)];
    expect(timers).toHaveBeenCalledTimes(3);
    timers.mockRestore();
    clearTimeout(set[0]?.timer as never);
    await sleep(60);
    expect(rung).toBe(1);
  });
});
