#!/bin/sh
# One would guess that the SDK of a provider throws if a stream ends before the last event of its API, for
# example because a load balancer gave up and closed the body properly: half an answer is not an answer.
# It is so (2026-11-29): of eight SDKs only ollama 0.6.4 throws. With openai 6.49.0, @anthropic-ai/sdk
# 1.14.0, groq-sdk 1.6.0, together-ai 0.52.0, @google/genai 3.3.0, @mistralai/mistralai 2.7.0 and cohere-ai
# 8.1.0 the loop over the stream simply ends. A program that collects the text takes the half for the whole.
# Anthropic's `messages.stream()` rejects in `finalMessage()`, for those who call it.
# It matters to everything that stores or bills answers: look for the last event (`[DONE]` or a
# `finish_reason`, `message_stop`, `finishReason`, `message-end`), not for the end of the loop.
# Exits with 1 if an SDK behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts openai@6.49.0 @anthropic-ai/sdk@1.14.0 \
  groq-sdk@1.6.0 together-ai@0.52.0 @google/genai@3.3.0 @mistralai/mistralai@2.7.0 cohere-ai@8.1.0 \
  ollama@0.6.4 2>/dev/null
cat > check.mjs <<'JS'
import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPClient } from '@mistralai/mistralai/lib/http.js';
import { CohereClientV2 } from 'cohere-ai';
import Groq from 'groq-sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import Together from 'together-ai';

const body = (type, ...parts) => async () =>
  new Response(parts.join(''), { headers: { 'content-type': type } });
const events = (...parts) =>
  body('text/event-stream', ...parts.map((part) => `event: ${part.type}\ndata: ${JSON.stringify(part)}\n\n`));
const chat = body(
  'text/event-stream',
  `data: ${JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { role: 'assistant', content: 'Half' }, finish_reason: null }],
  })}\n\n`,
);
const usage = { input_tokens: 1, output_tokens: 1 };
const anthropic = events(
  { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', content: [], usage } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Half' } },
);
const gemini = body(
  'text/event-stream',
  `data: ${JSON.stringify({ candidates: [{ content: { role: 'model', parts: [{ text: 'Half' }] } }] })}\n\n`,
);
const cohere = events(
  { type: 'message-start', id: 'm', delta: { message: { role: 'assistant', content: [] } } },
  { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
  { type: 'content-delta', index: 0, delta: { message: { content: { text: 'Half' } } } },
);
const ollama = body(
  'application/x-ndjson',
  '{"model":"m","message":{"role":"assistant","content":"Half"},"done":false}\n',
);

const apiKey = 'k';
const messages = [{ role: 'user', content: 'Say hello.' }];
const request = { model: 'm', messages, stream: true };
const textOf = ({ choices }) => choices[0]?.delta.content ?? '';
const delta = (event) => (event.type === 'content_block_delta' ? event.delta.text : '');
const question = { ...request, max_tokens: 9 };
const sdks = [
  ['openai', 'ends', () => new OpenAI({ apiKey, fetch: chat }).chat.completions.create(request), textOf],
  ['@anthropic-ai/sdk', 'ends', () => new Anthropic({ apiKey, fetch: anthropic }).messages.create(question), delta],
  ['@anthropic-ai/sdk', 'throws', async function* () {
    const stream = new Anthropic({ apiKey, fetch: anthropic }).messages.stream(question);
    yield* stream;
    await stream.finalMessage();
  }, delta],
  ['groq-sdk', 'ends', () => new Groq({ apiKey, fetch: chat }).chat.completions.create(request), textOf],
  ['together-ai', 'ends', () => new Together({ apiKey, fetch: chat }).chat.completions.create(request), textOf],
  ['@google/genai', 'ends', () =>
    new GoogleGenAI({ apiKey, httpOptions: { fetch: gemini } }).models.generateContentStream({ model: 'm', contents: 'Say hello.' }),
    ({ text }) => text],
  ['@mistralai/mistralai', 'ends', () =>
    new Mistral({ apiKey, httpClient: new HTTPClient({ fetcher: chat }) }).chat.stream({ model: 'm', messages }),
    ({ data }) => textOf(data)],
  ['cohere-ai', 'ends', () => new CohereClientV2({ token: apiKey, fetch: cohere }).chatStream({ model: 'm', messages }),
    (event) => (event.type === 'content-delta' ? event.delta.message.content.text : '')],
  ['ollama', 'throws', () => new Ollama({ fetch: ollama }).chat(request), ({ message }) => message.content],
];
let isAsFound = true;
for (const [name, expected, open, read] of sdks) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  let text = '';
  let end = 'ends';
  try {
    for await (const part of await open()) text += read(part);
  } catch (error) {
    end = `throws: ${error.message}`;
  }
  console.log(`${name} ${version}: ${JSON.stringify(text)}, then it ${end}`);
  if (text !== 'Half' || !end.startsWith(expected)) isAsFound = false;
}
process.exit(isAsFound ? 0 : 1);
JS
node check.mjs
