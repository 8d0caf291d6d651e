import { generateText, isStepCount, streamText, tool } from 'ai';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deep } from '../depth.js';
import { DIALECTS, outcomeOf, read, setUp } from './models.js';

/** What the provider answers first. */
const TEXT = 'Answer 1 to: Say hello';

describe.each(DIALECTS)('%s', (dialect) => {
  it('is asked once by generateText, at the same time and later', async () => {
    const { provider, model, events } = await setUp(dialect, { workMs: 30 });
    const ask = () => generateText({ model, prompt: 'Say hello' });
    const first = await Promise.all([ask(), ask(), ask()]);
    const later = await ask();
    const texts = [...first, later].map(({ text }) => text);
    expect(texts).toEqual(texts.map(() => TEXT));
    expect(provider.billedCount()).toBe(1);
    expect([...first, later].map((each) => outcomeOf(each.providerMetadata))).toEqual([
      'executed',
      'joined',
      'joined',
      'replayed',
    ]);
    expect(later.usage).toEqual(first[0]?.usage);
    expect(later.response.id).toBe(first[0]?.response.id);
    if (dialect !== 'anthropic.messages') {
      expect(later.response.timestamp).toEqual(first[0]?.response.timestamp);
    }
    expect(events.map(({ type }) => type).sort()).toEqual([
      'executed',
      'joined',
      'joined',
      'replayed',
    ]);
  });

  it('is asked once by streamText, at the same time and later', async () => {
    const { provider, model } = await setUp(dialect, { moods: ['slow-stream:10'] });
    const ask = () => read(streamText({ model, prompt: 'Say hello' }));
    const first = await Promise.all([ask(), ask()]);
    const later = await ask();
    expect(first[0]?.text).toBe(TEXT);
    expect(first[1]).toEqual({ ...first[0], outcome: 'joined' });
    expect(later).toEqual({ ...first[0], outcome: 'replayed' });
    expect(first[0]?.outputTokens).toBeGreaterThan(0);
    expect(provider.billedCount()).toBe(1);
  });

  it('is asked once at each step of a loop with tools, and the tools run again', async () => {
    const { provider, model } = await setUp(dialect);
    let toolCalls = 0;
    const weather = tool({
      description: 'The weather in a city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        toolCalls++;
        return `sunny in ${city}`;
      },
    });
    const asked = {
      model,
      prompt: 'How is the weather?',
      tools: { weather },
      stopWhen: isStepCount(3),
    };
    const first = await generateText(asked);
    expect(first.steps.length).toBe(2);
    expect(first.text).toBe('Answer 2 to: the result of the tool');
    expect(toolCalls).toBe(1);
    const again = await generateText(asked);
    expect(again.text).toBe(first.text);
    expect(provider.billedCount()).toBe(2);
    const streamed = await read(streamText(asked));
    expect(streamed.text).toBe('Answer 4 to: the result of the tool');
    expect(await read(streamText(asked))).toMatchObject({ text: streamed.text });
    expect(provider.billedCount()).toBe(4);
    expect(toolCalls).toBe(4);
  });

  // The SDK waits for 2 s and more before it retries, so `npm test` has one dialect do it.
  it.runIf(deep(dialect === DIALECTS[0], true))(
    'is asked again by the SDK when it failed, and billed once',
    async () => {
      const { provider, model, events } = await setUp(dialect, { moods: ['429:1', '500'] });
      const ask = () => generateText({ model, prompt: 'Say hello', maxRetries: 3 });
      const [a, b] = await Promise.all([ask(), ask()]);
      expect(a?.text).toBe(b?.text);
      expect(provider.billedCount()).toBe(1);
      expect(provider.requests.length).toBe(3);
      expect(events.filter(({ type }) => type === 'failed').length).toBe(2);
    },
    60_000,
  );

  it.each(['cut', 'end-early'])('keeps no stream that was %s', async (mood) => {
    const { provider, model } = await setUp(dialect, { moods: [mood] });
    const ask = () => read(streamText({ model, prompt: 'Say hello', maxRetries: 0, onError() {} }));
    await ask().catch(() => {});
    const whole = await ask();
    expect(whole.outcome).toBe('executed');
    expect(provider.billedCount()).toBe(2);
    expect(await ask()).toEqual({ ...whole, outcome: 'replayed' });
    expect(provider.billedCount()).toBe(2);
  });
});

describe('the wishes of a call', () => {
  it('fresh, sample and scope are for the middleware alone', async () => {
    const { provider, model } = await setUp('openai.responses');
    const ask = async (samekey?: Record<string, string | number | boolean>) => {
      const options = samekey && { providerOptions: { samekey } };
      const { text, providerMetadata } = await generateText({ model, prompt: 'Hello', ...options });
      return [text, outcomeOf(providerMetadata)];
    };
    const [first] = await ask();
    const [second] = await ask({ sample: 1 });
    expect(await ask({ sample: 1 })).toEqual([second, 'replayed']);
    const [third] = await ask({ scope: 'tenant-1' });
    expect(await ask({ scope: 'tenant-1' })).toEqual([third, 'replayed']);
    expect(await ask()).toEqual([first, 'replayed']);
    const [fourth, outcome] = await ask({ fresh: true });
    expect(outcome).toBe('executed');
    expect(await ask({ fresh: false })).toEqual([fourth, 'replayed']);
    expect(new Set([first, second, third, fourth]).size).toBe(4);
    expect(provider.billedCount()).toBe(4);
    expect(provider.requests.filter(({ body }) => body.includes('samekey'))).toEqual([]);
  });

  it('that there are not are refused, and nothing is asked', async () => {
    const { provider, model } = await setUp('openai.chat');
    for (const samekey of [
      { frehs: true },
      { fresh: 'yes' },
      { traceparent: 7 },
      { scope: ['a\0b'] },
    ]) {
      const asked = generateText({
        model,
        prompt: 'Hello',
        providerOptions: { samekey },
        maxRetries: 0,
      });
      await expect(asked).rejects.toMatchObject({ message: expect.stringMatching(/^Cannot use /) });
    }
    expect(provider.requests).toEqual([]);
  });

  it('evict forgets an answer', async () => {
    const { provider, model, middleware } = await setUp('openai.chat');
    const ask = () => generateText({ model, prompt: 'Hello' });
    const { providerMetadata } = await ask();
    expect(await middleware.evict(String(providerMetadata?.samekey?.key))).toBe(true);
    await ask();
    expect(provider.billedCount()).toBe(2);
    expect(middleware.stats()).toMatchObject({ executed: 2, replayed: 0 });
    await middleware.close();
    await expect(ask()).rejects.toMatchObject({ code: 'SAMEKEY_CLOSED' });
  });
});
