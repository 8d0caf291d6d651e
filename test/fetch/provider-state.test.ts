import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type FetchOptions, idempotentFetch } from '../../src/fetch/fetch.js';
import { stateRules } from '../../src/providers/registry.js';
import { memoryStore } from '../../src/store/memory.js';

interface Sent {
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const OPENAI = 'https://api.openai.com/v1';
const LOCAL = 'http://127.0.0.1:8000/v1';
const VERTEX = 'https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l';
const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const AGENTS = 'https://bedrock-agent-runtime.eu-west-1.amazonaws.com';

const STATE: [string, Sent][] = [
  [
    'a conversation',
    { url: `${OPENAI}/responses`, body: { input: 'Go on.', conversation: 'conv_1' } },
  ],
  [
    'a conversation by its ID',
    { url: `${LOCAL}/responses`, body: { conversation: { id: 'conv_1' } } },
  ],
  [
    'an earlier response',
    { url: `${LOCAL}/responses`, body: { input: 'Go on.', previous_response_id: 'r' } },
  ],
  [
    'a stored prompt',
    { url: `${OPENAI}/responses`, body: { prompt: { id: 'pmpt_1', version: '2' } } },
  ],
  [
    'a container',
    { url: `${OPENAI}/responses`, body: { tools: [{ type: 'x' }, { container: 'cntr_1' }] } },
  ],
  [
    'Azure',
    {
      url: 'https://r.openai.azure.com/openai/v1/responses?api-version=x',
      body: { previous_response_id: 'r' },
    },
  ],
  ['a new conversation', { url: `${LOCAL}/conversations`, body: {} }],
  ['items of a conversation', { url: `${LOCAL}/conversations/conv_1/items`, body: { items: [] } }],
  ['a new thread', { url: `${OPENAI}/threads`, body: {} }],
  [
    'a new thread, by its header',
    { url: `${LOCAL}/threads`, body: {}, headers: { 'openai-beta': 'assistants=v2' } },
  ],
  ['a message of a thread', { url: `${LOCAL}/threads/thread_1/messages`, body: { content: 'ok' } }],
  ['a run', { url: `${LOCAL}/threads/t/runs`, body: { assistant_id: 'a' } }],
  ['the tools of a run', { url: `${OPENAI}/threads/thread_1/runs/run_1/submit_tool_outputs` }],
  ['a thread and a run', { url: `${OPENAI}/threads/runs`, body: { assistant_id: 'a' } }],
  ['a new upload', { url: `${OPENAI}/uploads`, body: { filename: 'a.jsonl', bytes: 5 } }],
  ['a new upload elsewhere', { url: `${LOCAL}/uploads`, body: { purpose: 'batch', bytes: 5 } }],
  [
    'a file of a vector store',
    { url: `${LOCAL}/vector_stores/vs_1/files`, body: { file_id: 'f' } },
  ],
  [
    'files of a vector store',
    { url: `${LOCAL}/vector_stores/vs_1/file_batches`, body: { file_ids: ['f'] } },
  ],
  ['a job that resumes', { url: `${OPENAI}/fine_tuning/jobs/ftjob-1/resume` }],
  [
    'a new upload to Gemini',
    {
      url: 'https://generativelanguage.googleapis.com/upload/v1beta/files',
      headers: { 'x-goog-upload-command': 'start' },
    },
  ],
  ['a realtime secret', { url: `${OPENAI}/realtime/client_secrets`, body: {} }],
  [
    'a container of Anthropic',
    { url: 'https://api.anthropic.com/v1/messages', body: { container: 'c' } },
  ],
  [
    'a container with skills',
    { url: `${LOCAL}/messages`, body: { container: { id: 'c', skills: [] } } },
  ],
  [
    'a session of Anthropic',
    { url: `${LOCAL}/sessions/s/events`, headers: { 'anthropic-version': '1' } },
  ],
  [
    'a Gemini cache',
    { url: `${GEMINI}/models/m:generateContent`, body: { cachedContent: 'cachedContents/1' } },
  ],
  [
    'a streamed Gemini cache',
    {
      url: `${VERTEX}/publishers/google/models/m:streamGenerateContent?alt=sse`,
      body: { cachedContent: 'c' },
    },
  ],
  ['a new Gemini cache', { url: `${GEMINI}/cachedContents`, body: { model: 'm' } }],
  [
    'an earlier interaction',
    { url: `${GEMINI}/interactions`, body: { previous_interaction_id: 'i' } },
  ],
  [
    'an event of a session',
    { url: `${VERTEX}/reasoningEngines/1/sessions/2:appendEvent`, body: {} },
  ],
  ['an agent of Vertex', { url: `${VERTEX}/reasoningEngines/1:streamQuery`, body: {} }],
  [
    'a Bedrock agent',
    { url: `${AGENTS}/agents/A/agentAliases/B/sessions/C/text`, body: { inputText: 'a' } },
  ],
  ['an inline agent', { url: `${AGENTS}/agents/session`, body: { foundationModel: 'm' } }],
  ['a flow', { url: `${AGENTS}/flows/F/aliases/A`, body: {} }],
  ['a knowledge base', { url: `${AGENTS}/retrieveAndGenerate`, body: { sessionId: 's' } }],
  [
    'AgentCore',
    { url: 'https://bedrock-agentcore.eu-west-1.amazonaws.com/runtimes/arn/invocations', body: {} },
  ],
  [
    'a Bedrock prompt',
    {
      url: 'https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aprompt%2FP%3A1/converse',
      body: {},
    },
  ],
  [
    'a Mistral conversation',
    { url: 'https://api.mistral.ai/v1/conversations/x', body: { inputs: 'a' } },
  ],
  ['a Mistral agent', { url: `${LOCAL}/agents/completions`, body: { agent_id: 'a' } }],
  [
    'a Cohere conversation',
    { url: 'https://api.cohere.com/v1/chat', body: { conversation_id: 'c' } },
  ],
];

const NO_STATE: [string, Sent][] = [
  ['a response alone', { url: `${OPENAI}/responses`, body: { input: 'a', store: true } }],
  [
    'members without a value',
    {
      url: `${OPENAI}/responses`,
      body: { conversation: null, previous_response_id: '', prompt: {}, tools: [] },
    },
  ],
  [
    'the names in a text',
    { url: `${OPENAI}/responses`, body: { input: '"conversation" "previous_response_id"' } },
  ],
  [
    'the names deeper in the body',
    { url: `${OPENAI}/responses`, body: { metadata: { conversation: 'c' } } },
  ],
  [
    'a container that is new',
    { url: `${OPENAI}/responses`, body: { tools: [{ container: null }] } },
  ],
  [
    'chat',
    { url: `${OPENAI}/chat/completions`, body: { messages: [], previous_response_id: 'r' } },
  ],
  [
    'a new conversation of another API, which names a model',
    { url: `${LOCAL}/conversations`, body: { model: 'm', messages: [] } },
  ],
  ['a part of an upload', { url: `${OPENAI}/uploads/upload_1/parts`, body: { data: 'x' } }],
  ['an upload of another API', { url: `${LOCAL}/uploads`, body: { name: 'a' } }],
  ['a new fine-tuning job', { url: `${OPENAI}/fine_tuning/jobs`, body: { model: 'm' } }],
  [
    'a whole file to Gemini',
    { url: 'https://generativelanguage.googleapis.com/upload/v1beta/files', body: { file: {} } },
  ],
  ['a checkout session', { url: 'https://api.stripe.com/v1/checkout/sessions', body: {} }],
  ['a session of another API', { url: 'https://api.example/v1/sessions', body: {} }],
  ['a thread of another API', { url: 'https://forum.example/threads', body: { title: 'a' } }],
  [
    'a payment',
    { url: 'https://api.example/v1/payments', body: { conversation: 'c', sessionId: 's' } },
  ],
  ['Gemini', { url: `${GEMINI}/models/m:generateContent`, body: { contents: [] } }],
  [
    'Converse',
    { url: 'https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse', body: {} },
  ],
  ['no JSON', { url: `${OPENAI}/responses`, body: 'previous_response_id' }],
];

/** Sends a request twice at once and once later; returns the outcomes. */
async function outcomes(
  { url, body, headers }: Sent,
  options: Partial<FetchOptions> = {},
  more = {},
) {
  let calls = 0;
  const provider = async () => Response.json({ output: [], n: ++calls });
  const fetch = idempotentFetch({ store: memoryStore(), fetch: provider, ...options });
  const post = async () => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...more },
    };
    const response = await fetch(url, { ...init, body: JSON.stringify(body ?? {}) });
    await response.text();
    return response.headers.get('samekey');
  };
  const both = await Promise.all([post(), post()]);
  return { found: [...both, await post()], calls };
}

describe('a request whose meaning is state at its provider', () => {
  it.each(STATE)('is joined while it is in progress, and not replayed: %s', async (_, request) => {
    expect(await outcomes(request)).toEqual({
      found: ['executed', 'joined', 'executed'],
      calls: 2,
    });
  });

  it.each(STATE)('may be stored or passed: %s', async (_, request) => {
    const stored = await outcomes(request, { providerState: 'store' });
    expect(stored).toEqual({ found: ['executed', 'joined', 'replayed'], calls: 1 });
    const passed = await outcomes(request, { providerState: 'pass' });
    expect(passed).toEqual({ found: [null, null, null], calls: 3 });
  });

  it('is stored under a key of the caller, which says which request it is', async () => {
    const [[, request]] = STATE as [[string, Sent]];
    const keyed = await outcomes(request, {}, { 'idempotency-key': 'turn-7' });
    expect(keyed).toEqual({ found: ['executed', 'joined', 'replayed'], calls: 1 });
  });

  it('may come as bytes and in a Request', async () => {
    const body = new TextEncoder().encode('{"previous_response_id":"r"}');
    let calls = 0;
    const provider = async () => Response.json({ n: ++calls });
    const fetch = idempotentFetch({ store: memoryStore(), fetch: provider });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    for (let turn = 0; turn < 2; turn++) {
      await (await fetch(`${OPENAI}/responses`, init)).text();
      await (await fetch(new Request(`${OPENAI}/responses`, init))).text();
    }
    expect(calls).toBe(4);
  });

  it('does not carry the headers of samekey when it is passed', async () => {
    const seen: string[][] = [];
    const provider = async (_: unknown, init?: RequestInit) => {
      seen.push([...new Headers(init?.headers).keys()]);
      return Response.json({});
    };
    const fetch = idempotentFetch({
      store: memoryStore(),
      fetch: provider as never,
      providerState: 'pass',
    });
    const headers = { 'samekey-scope': 'a', 'x-own': '1' };
    await fetch(`${LOCAL}/threads/t/runs`, { method: 'POST', headers, body: '{}' });
    expect(seen).toEqual([['content-type', 'x-own']]);
  });
});

it.each(NO_STATE)('another request is replayed: %s', async (_, request) => {
  expect(await outcomes(request)).toEqual({ found: ['executed', 'joined', 'replayed'], calls: 1 });
});

it('every rule has a row in docs/fetch.md, and every row a rule', () => {
  const page = readFileSync(new URL('../../docs/fetch.md', import.meta.url), 'utf8');
  const table = page.split('<!-- state -->')[1] ?? '';
  const rows = [...table.matchAll(/^\| [^|]+ \| ([^|]+) \| [^|]+ \|$/gm)].map(([, what]) => what);
  expect(rows.slice(2).sort()).toEqual(stateRules.map(({ what }) => what).sort());
});
