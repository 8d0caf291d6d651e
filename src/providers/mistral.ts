/** The Mistral API beside Chat Completions. Source: docs.mistral.ai, mistralai 2.7.0. */
import type { AnswerRules, StateRule } from './provider.js';

/** Conversations: their streams end with an event of their own. */
export const mistralConversations: AnswerRules = {
  isOwn: ({ name }) =>
    /^(?:conversation\.response|message\.output|agent\.handoff|tool\.execution|function\.call)\b/.test(
      name ?? '',
    ),
  isFailure: ({ name }) => name === 'conversation.response.error',
  isLast: ({ name }) => name === 'conversation.response.done',
  lastName: 'conversation.response.done',
};

/** Streams of transcriptions. */
export const mistralTranscriptions: AnswerRules = {
  isOwn: ({ name }) => /^transcription\.(?:language|segment|text\.delta|done)$/.test(name ?? ''),
  isLast: ({ name }) => name === 'transcription.done',
  lastName: 'transcription.done',
};

/** docs.mistral.ai/agents: a conversation grows, and an agent is a prompt with versions. */
export const mistralState: readonly StateRule[] = [
  { what: 'a conversation', path: /\/conversations(?:\/|$)/, members: ['inputs'] },
  { what: 'a stored agent', path: /\/agents\/completions$/, members: ['agent_id'] },
];
