/** The Cohere API. Sources: docs.cohere.com, cohere-ai 8.1.0. */
import { hasError, isFailedReason, membersOf } from './failure.js';
import type { AnswerRules, StateRule } from './provider.js';

/** reference/chat-stream. `message-end` has the reason of the end; `ERROR` is a failure. */
export const cohereChat: AnswerRules = {
  isOwn: ({ name, json }) =>
    /^(?:message|content|tool-plan|tool-call|citation)-(?:start|delta|end)$/.test(name ?? '') ||
    (json.message !== undefined && typeof json.finish_reason === 'string'),
  isFailure: ({ json }) =>
    isFailedReason(json.finish_reason) ||
    isFailedReason(membersOf(json.delta).finish_reason) ||
    hasError(json.delta),
  isLast: ({ name }) => name === 'message-end',
  lastName: 'message-end',
};

/** v1/reference/chat-stream, as lines or as events. `ERROR_LIMIT` ends an answer that is too long. */
export const cohereV1: AnswerRules = {
  isOwn: ({ json }) =>
    typeof json.is_finished === 'boolean' || typeof json.generation_id === 'string',
  isLines: true,
  isFailure: ({ json }) => isFailedReason(json.finish_reason),
  isLast: ({ json }) => json.is_finished === true,
  lastName: 'stream-end',
};

/** docs.cohere.com/v1/reference/chat: a conversation that Cohere keeps. */
export const cohereState: readonly StateRule[] = [
  { what: 'a conversation', path: /\/v1\/chat$/, members: ['conversation_id'] },
];
