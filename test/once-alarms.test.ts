import { describe, expect, it, vi } from 'vitest';
import { Alarms } from '../src/once/alarms.js';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('alarms', () => {
  it('ring in turn, each after its own time, but for those that were taken back', async () => {
    const alarms = new Alarms(60);
    const rung: string[] = [];
    const setAt = performance.now();
    const first = alarms.set(() => rung.push('first'));
    alarms.set(() => rung.push('second'));
    await sleep(30);
    alarms.clear(first);
    let thirdAfter = 0;
    const thirdAt = performance.now();
    alarms.set(() => {
      rung.push('third');
      thirdAfter = performance.now() - thirdAt;
    });
    await expect.poll(() => rung.length).toBe(2);
    expect(rung).toEqual(['second', 'third']);
    expect(thirdAfter).toBeGreaterThanOrEqual(58);
    expect(performance.now() - setAt).toBeGreaterThanOrEqual(88);
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
