import { Readable } from 'node:stream';
import {
  Body,
  ConflictException,
  type ExecutionContext,
  Header,
  HttpCode,
  type ModuleMetadata,
  type NestInterceptor,
  Post,
  Put,
  Redirect,
  Res,
  Sse,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { catchError, map, NEVER, of, retry, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  IdempotencyException,
  IdempotencyInterceptor,
  IdempotencyKey,
  IdempotencyModule,
  type IdempotencyState,
  Idempotent,
} from '../../src/server/nestjs.js';
import { memoryStore } from '../../src/store/memory.js';
import { receive } from './differential.js';
import { ADAPTERS, type AdapterName, controller, nestApplication } from './nest.js';
import { afterTest, listen, post } from './node-server.js';

// biome-ignore lint/suspicious/noExplicitAny: replies of both adapters.
type Reply = any;

let runs = 0;
class Orders {
  object() {
    return { order: ++runs };
  }
  number() {
    return ++runs;
  }
  text() {
    return `order ${++runs}`;
  }
  nothing() {
    runs++;
  }
  observable() {
    return of('first', `order ${++runs}`);
  }
  file() {
    const words = [`order ${++runs}`, ' more'];
    return new StreamableFile(Readable.from(words, { objectMode: false }), { type: 'text/csv' });
  }
  raw(to: Reply) {
    const raw = to.raw ?? to;
    to.hijack?.();
    raw.writeHead(202, { 'x-order': String(++runs), 'content-length': '4' });
    raw.end('done');
  }
  twice(to: Reply) {
    to.header('x-order', String(++runs));
    to.status(202).send('the first');
    return 'the second';
  }
  moved() {
    return { url: `/orders/${++runs}`, statusCode: 303 };
  }
  stamped() {
    return { order: ++runs };
  }
  filtered(body: { stored?: string }) {
    runs++;
    throw Object.assign(new ConflictException('no stock'), { order: runs, body });
  }
  broken() {
    throw new Error(`broken ${++runs}`);
  }
  keyed(key: string | undefined) {
    return { key: key ?? null };
  }
  plain() {
    return { order: ++runs };
  }
  wrapped() {
    return { order: ++runs };
  }
  events() {
    return NEVER;
  }
}

let stamps = 0;
let wraps = 0;
const wrapping: NestInterceptor = {
  intercept: (_, next) => next.handle().pipe(map((inner) => ({ inner, wrap: ++wraps }))),
};
const ROOT = controller(Orders, {
  object: [[Post('object'), Idempotent()]],
  number: [[Post('number'), Idempotent()]],
  text: [[Post('text'), HttpCode(200), Idempotent()]],
  nothing: [[Post('nothing'), Idempotent()]],
  observable: [[Post('observable'), Idempotent()]],
  file: [[Post('file'), Idempotent()]],
  raw: [[Post('raw'), Idempotent()], Res()],
  twice: [[Post('twice'), Idempotent()], Res()],
  moved: [[Post('moved'), Redirect('/'), Idempotent()]],
  stamped: [[Post('stamped'), Header('X-Stamp', () => String(++stamps)), Idempotent()]],
  filtered: [[Post('filtered'), Idempotent()], Body()],
  broken: [[Post('broken'), Idempotent()]],
  keyed: [[Put('keyed'), Idempotent({ required: true })], IdempotencyKey()],
  plain: [[Post('plain')]],
  wrapped: [[Post('wrapped'), UseInterceptors(wrapping), Idempotent()]],
  events: [[Sse('events'), Idempotent()]],
});

const outcomeIn = (context: ExecutionContext) =>
  context.switchToHttp().getRequest<{ idempotency?: IdempotencyState }>().idempotency?.outcome;

describe.each(Object.keys(ADAPTERS) as AdapterName[])('nest on %s', (adapter) => {
  const serve = async (
    set: Parameters<typeof nestApplication>[2] = () => {},
    options: Partial<Parameters<typeof IdempotencyModule.forRoot>[0]> = {},
    providers: ModuleMetadata['providers'] = [],
  ) => {
    runs = 0;
    stamps = 0;
    wraps = 0;
    const imports = [IdempotencyModule.forRoot({ store: memoryStore(), ...options })];
    const app = await nestApplication(adapter, { imports, providers, controllers: [ROOT] }, set);
    afterTest(() => app.close());
    return { app, url: await listen(app.getHttpServer()) };
  };

  it.each([
    'object',
    'number',
    'text',
    'nothing',
    'observable',
    'file',
    'raw',
    'twice',
    'moved',
    'stamped',
  ])('a duplicate gets what the first client got, byte for byte: %s', async (path) => {
    const { url } = await serve();
    const first = await receive(url + path, 'a');
    const again = await receive(url + path, 'a');
    const framing = /^(?:samekey|content-length|transfer-encoding): /;
    const shown = ({ names: _, headers, ...rest }: typeof first) => ({
      ...rest,
      headers: headers.filter((line) => !framing.test(line)),
    });
    expect(first.status).toBeLessThan(400);
    expect(shown(again)).toEqual(shown(first));
    expect(again.headers).toContain('samekey: replayed');
    expect(runs).toBe(1);
  });

  it('stores what a filter sends, with its status and headers, if it is to be stored', async () => {
    const { url } = await serve(
      (app) =>
        app.useGlobalFilters({
          catch(error: { order?: number; message: string }, host) {
            const to = host.switchToHttp().getResponse<Reply>();
            to.header('x-filter', String(error.order));
            to.status(409).send({ own: error.message });
          },
        }),
      { storeResponses: ({ status }) => status === 409 },
    );
    for (const outcome of ['executed', 'replayed']) {
      const response = await post(`${url}filtered`);
      expect([response.status, response.headers.get('x-filter')]).toEqual([409, '1']);
      expect(await response.json()).toEqual({ own: 'no stock' });
      expect(response.headers.get('samekey')).toBe(outcome);
    }
  });

  it('does not store what a failed handler sends', async () => {
    const { url } = await serve();
    for (const _ of [1, 2]) expect((await post(`${url}broken`)).status).toBe(500);
    expect(runs).toBe(2);
  });

  it('refuses by an exception, whose body is the problem', async () => {
    const { url } = await serve();
    await post(`${url}object`);
    const headers = { 'content-type': 'application/json' };
    const reused = await post(`${url}object`, { headers, body: '{"item":2}' });
    expect([reused.status, await reused.json()]).toMatchObject([422, { code: 'SAMEKEY_MISMATCH' }]);
    expect(reused.headers.get('x-should-retry')).toBe('false');
    const missing = await fetch(`${url}keyed`, { method: 'PUT' });
    expect([missing.status, await missing.json()]).toMatchObject([
      400,
      { code: 'SAMEKEY_BAD_KEY' },
    ]);
  });

  it('gives the key to a handler, whatever the method of a marked route', async () => {
    const { url } = await serve();
    const response = await post(`${url}keyed`, { method: 'PUT' });
    expect(await response.json()).toEqual({ key: response.headers.get('samekey-key') });
    expect((await post(`${url}keyed`, { method: 'PUT' })).headers.get('samekey')).toBe('replayed');
  });

  it('leaves routes alone that are not marked', async () => {
    const { url } = await serve();
    for (const order of [1, 2]) expect(await (await post(`${url}plain`)).json()).toEqual({ order });
  });

  it('does not let a client in whom guards no longer let in', async () => {
    let isIn = true;
    const { url } = await serve((app) => app.useGlobalGuards({ canActivate: () => isIn }));
    expect((await post(`${url}object`)).status).toBe(201);
    isIn = false;
    expect((await post(`${url}object`)).status).toBe(403);
  });

  it('runs the handler again for a retry() of an interceptor', async () => {
    const { url } = await serve((app) =>
      app.useGlobalInterceptors({ intercept: (_, next) => next.handle().pipe(retry(2)) }),
    );
    expect((await post(`${url}broken`)).status).toBe(500);
    expect(runs).toBe(3);
  });

  /** Serves with an interceptor outside of the one of samekey: those of the root module come first. */
  const serveInside = (intercept: NestInterceptor['intercept']) =>
    serve(undefined, {}, [{ provide: APP_INTERCEPTOR, useValue: { intercept } }]);

  it('stores what interceptors outside and behind it make of the value', async () => {
    const seen: unknown[] = [];
    const { url } = await serveInside((context, next) =>
      next.handle().pipe(
        tap((value) => seen.push([outcomeIn(context), value])),
        map((data) => ({ data })),
      ),
    );
    const bodies = [];
    for (const _ of [1, 2]) bodies.push(await (await post(`${url}wrapped`)).json());
    const value = { inner: { order: 1 }, wrap: 1 };
    expect(bodies).toEqual([{ data: value }, { data: value }]);
    // The one outside sees what is replayed.
    expect(seen).toEqual([
      ['executed', value],
      ['replayed', { data: value }],
    ]);
  });

  it('lets an outer interceptor answer instead of a refusal', async () => {
    const { url } = await serveInside((_, next) =>
      next.handle().pipe(
        catchError((error: unknown) => {
          if (!(error instanceof IdempotencyException)) throw error;
          return of({ own: error.code });
        }),
      ),
    );
    const headers = { 'content-type': 'application/json' };
    await post(`${url}object`);
    const reused = await post(`${url}object`, { headers, body: '{"item":2}' });
    expect(await reused.json()).toEqual({ own: 'SAMEKEY_MISMATCH' });
  });

  it('runs nothing if an outer interceptor answers', async () => {
    const { url } = await serveInside(() => of({ own: true }));
    const response = await post(`${url}object`);
    expect([await response.json(), response.headers.get('samekey'), runs]).toEqual([
      { own: true },
      null,
      0,
    ]);
  });

  it('gets its options from a factory, with what it injects', async () => {
    const store = memoryStore();
    let closed = 0;
    store.close = async () => {
      closed++;
    };
    runs = 0;
    class Settings {}
    const imports = [
      IdempotencyModule.forRootAsync({
        imports: [
          {
            module: Settings,
            providers: [{ provide: 'STORE', useFactory: async () => store }],
            exports: ['STORE'],
          },
        ],
        inject: ['STORE'],
        useFactory: async (injected) => ({ store: injected, headerName: 'x-key' }),
      }),
    ];
    const app = await nestApplication(adapter, { imports, controllers: [ROOT] });
    const url = await listen(app.getHttpServer());
    const headers = { 'x-key': 'a' };
    for (const outcome of ['executed', 'replayed']) {
      const response = await fetch(`${url}object`, { method: 'POST', headers });
      expect([await response.json(), response.headers.get('samekey')]).toEqual([
        { order: 1 },
        outcome,
      ]);
    }
    expect(app.get(IdempotencyInterceptor).stats()).toMatchObject({ executed: 1, replayed: 1 });
    await app.close();
    expect(closed).toBe(1);
  });

  it('does not start with options that a factory returns and that are wrong', async () => {
    const imports = [IdempotencyModule.forRootAsync({ useFactory: () => ({}) as never })];
    await expect(nestApplication(adapter, { imports })).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
    });
  });

  it('refuses a route of server-sent events', async () => {
    const errors: unknown[] = [];
    const { url } = await serve((app) =>
      app.useGlobalFilters({
        catch(error: unknown, host) {
          errors.push(error);
          host.switchToHttp().getResponse<Reply>().status(500).send('refused');
        },
      }),
    );
    const response = await fetch(`${url}events`, { headers: { 'idempotency-key': 'a' } });
    expect([response.status, await response.text()]).toEqual([500, 'refused']);
    expect(errors).toMatchObject([
      {
        name: 'TypeError',
        code: 'SAMEKEY_BAD_ARGUMENT',
        message: expect.stringMatching(/^Cannot process Orders\.events at most once: .*@Sse\(\)/),
      },
    ]);
  });

  it('closes the store with the application', async () => {
    const store = memoryStore();
    let closed = 0;
    store.close = async () => {
      closed++;
    };
    const { app, url } = await serve(undefined, { store });
    await post(`${url}object`);
    expect(app.get(IdempotencyInterceptor).stats().executed).toBe(1);
    await app.close();
    expect(closed).toBe(1);
  });
});
