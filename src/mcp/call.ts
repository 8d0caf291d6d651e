/** The parts of a tool's call that samekey reads, as `@modelcontextprotocol/sdk` gives them to a handler. */

/** What a tool returns: a `CallToolResult`. */
export interface ToolResult {
  readonly isError?: boolean | undefined;
  readonly content?: unknown;
  readonly structuredContent?: unknown;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

/** A notification of a server to its client. */
export interface Notification {
  readonly method: string;
  readonly params?: { readonly [name: string]: unknown } | undefined;
}

/** The last argument of a handler: `RequestHandlerExtra`. */
export interface CallExtra {
  /** Aborts when the client cancels the call, or its connection ends. */
  readonly signal: AbortSignal;
  readonly sessionId?: string | undefined;
  /** The access token, once the server has verified it. */
  readonly authInfo?:
    | {
        readonly token: string;
        readonly clientId: string;
        readonly extra?: Readonly<Record<string, unknown>> | undefined;
      }
    | undefined;
  /** Of a call over HTTP. */
  readonly requestInfo?:
    | { readonly headers: Readonly<Record<string, string | string[] | undefined>> }
    | undefined;
  readonly _meta?: { readonly [name: string]: unknown } | undefined;
  sendNotification(notification: never): Promise<void>;
}

/** Returns a member of a call's `_meta`, but none that the platform's objects inherit. */
export function metaOf({ _meta }: CallExtra, name: string): unknown {
  return _meta !== undefined && Object.hasOwn(_meta, name) ? _meta[name] : undefined;
}
