/** What the snippets of docs/frameworks.md are in TypeScript. Only the compiler reads it. */
import type { RequestHandler } from '@sveltejs/kit';
import type { APIContext, APIRoute } from 'astro';
import { after, type NextRequest } from 'next/server.js';
import type { ActionFunction, ActionFunctionArgs } from 'react-router';
import { idempotent } from 'samekey/server';
import { memoryStore } from 'samekey/store/memory';

const store = memoryStore();

interface RouteContext {
  params: Promise<{ shop: string }>;
}
type NextHandler = (request: NextRequest, context: RouteContext) => Promise<Response> | Response;

export const POST = idempotent(
  async (request: NextRequest, { params }: RouteContext) => {
    const { shop } = await params;
    return Response.json({ shop, path: request.nextUrl.pathname });
  },
  { store, waitUntil: after, account: (request) => request.cookies.get('session')?.value },
) satisfies NextHandler;

type Event = Parameters<RequestHandler>[0];
const svelteKit = idempotent(
  async (_request: Request, event: Event) => Response.json(event.url.pathname),
  { store },
);
export const ofSvelteKit: RequestHandler = (event) => svelteKit(event.request, event);

const reactRouter = idempotent(
  async (_request: Request, { params }: ActionFunctionArgs) => Response.json(params),
  { store },
);
export const action: ActionFunction = (args) => reactRouter(args.request, args);

const astro = idempotent(
  async (_request: Request, { url }: APIContext) => Response.json(url.pathname),
  { store },
);
export const ofAstro: APIRoute = (context) => astro(context.request, context);

// @ts-expect-error A handler of Next.js has no such parameter.
idempotent(async (_request: NextRequest, { id }: RouteContext) => Response.json(id), { store });
