import 'reflect-metadata';
import { Controller, type INestApplication, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

export const ADAPTERS = {
  Express: () => new ExpressAdapter(),
  Fastify: () => new FastifyAdapter({ forceCloseConnections: true }),
};
export type AdapterName = keyof typeof ADAPTERS;

type Member = readonly [
  decorators: readonly (MethodDecorator | (MethodDecorator & ClassDecorator))[],
  ...parameters: ParameterDecorator[],
];

/** Decorates a controller without the syntax for it, which the compiler of the tests does not read. */
export function controller(
  target: new () => object,
  members: Readonly<Record<string, Member>>,
  ...decorators: ClassDecorator[]
): new () => object {
  for (const decorator of [Controller(), ...decorators]) decorator(target);
  for (const [name, [own, ...parameters]] of Object.entries(members)) {
    const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name);
    parameters.forEach((decorator, at) => {
      decorator(target.prototype, name, at);
    });
    // As the compiler does: the one next to the method first.
    for (const decorator of own.toReversed()) {
      decorator(target.prototype, name, descriptor as TypedPropertyDescriptor<never>);
    }
  }
  return target;
}

/** Returns an application that is not listening yet. */
export async function nestApplication(
  adapter: AdapterName,
  metadata: ModuleMetadata,
  set: (app: INestApplication) => unknown = () => {},
): Promise<INestApplication> {
  class Root {}
  Module(metadata)(Root);
  const app = await NestFactory.create(Root, ADAPTERS[adapter]() as never, {
    logger: false,
    abortOnError: false,
  });
  await set(app);
  await app.init();
  // Fastify has routes when its plugins are loaded.
  await app.getHttpAdapter().getInstance().ready?.();
  return app;
}
