/** JSON-RPC 2.0, which MCP speaks over HTTP (modelcontextprotocol.io, specification 2025-11-25). */
import { membersOf } from './failure.js';
import type { AnswerRules } from './provider.js';

/** Notifications come before the result. A tool says with `isError` that it failed. */
export const jsonRpcAnswers: AnswerRules = {
  isOwn: ({ json }) => json.jsonrpc === '2.0',
  isFailure: ({ json }) => membersOf(json.result).isError === true,
  isLast: ({ json }) => json.result !== undefined,
  isFailureResult: true,
  lastName: 'the result',
};
