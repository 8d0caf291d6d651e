import { describe, expect, it } from 'vitest';
import { identities, keyOf } from '../../src/index.js';
import { configFromEnv, configFromJson, createOnce, idempotency } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectThrown } from '../errors/thrown.js';

describe('a configuration', () => {
  it('has defaults that change nothing', async () => {
    const { config, headers, keyOf: keyOfRequest, keyOfJson, onceOptions } = idempotency();
    const key = keyOf({ a: 1 });
    expect(keyOfRequest({ a: 1 })).toBe(key);
    expect(keyOfJson('{ "a": 1 }')).toBe(key);
    expect(headers(key)).toEqual({ 'Idempotency-Key': key });
    expect(config).toMatchObject({ ttlMs: 86_400_000, leaseMs: 30_000, cacheMaxEntries: 1000 });
    expect(await createOnce(onceOptions(memoryStore()))(key, () => 1)).toBe(1);
  });

  it('decides about keys', () => {
    const request = { model: 'm', stream: true, trace_id: 'a', user: 'u', messages: [] };
    const own = idempotency({
      presets: ['volatile'],
      excludedFields: ['user'],
      scope: ['prod', 'eu'],
      bits: 128,
    });
    const exclude = [...(identities.volatile.exclude ?? []), 'user'];
    expect(own.keyOf(request)).toBe(keyOf(request, { exclude, scope: ['prod', 'eu'], bits: 128 }));
    expect(idempotency({ includedFields: ['model'] }).keyOf(request)).toBe(keyOf({ model: 'm' }));
  });

  it('renames the prefix where a key leaves, and takes it back', () => {
    const { headers, parseHeader } = idempotency({
      headerName: 'X-Request-Key',
      keyPrefix: 'idem_',
    });
    const key = keyOf(1);
    const renamed = `idem_${key.slice(3)}`;
    expect(headers(key)).toEqual({ 'X-Request-Key': renamed });
    expect(parseHeader(renamed)).toBe(key);
    expect(parseHeader(`"${renamed}"`)).toBe(key);
    expect(parseHeader(key)).toBe(key);
    expectThrown(() => parseHeader('idem_1'), SyntaxError, { code: 'SAMEKEY_BAD_KEY' });
  });

  it('decides about runs', async () => {
    const options = idempotency({
      cacheTtlMs: 7,
      cacheMaxEntries: 3,
      cacheMaxBytes: 5000,
      waitMs: 0,
      onDuplicate: 'reject',
    });
    expect(options.onceOptions(memoryStore())).toMatchObject({
      cache: { ttlMs: 7, maxEntries: 3, maxBytes: 5000 },
      waitMs: 0,
      onDuplicate: 'reject',
    });
    const fromEnvironment = idempotency(configFromEnv({ SAMEKEY_CACHE_MAX_BYTES: '6000' }));
    expect(fromEnvironment.onceOptions(memoryStore()).cache).toMatchObject({ maxBytes: 6000 });
    expect(idempotency().onceOptions(memoryStore()).cache).toMatchObject({ maxBytes: 2 ** 25 });
  });

  it('comes from code, a file and the environment, the later ones first', () => {
    const env = {
      SAMEKEY_LEASE_MS: '1000',
      SAMEKEY_SCOPE: 'prod, eu',
      SAMEKEY_ENGINE: 'js',
      PATH: '/',
    };
    const file = '{ "leaseMs": 50, "cacheTtlMs": 6, "excludedFields": ["trace_id"] }';
    const { config } = idempotency({ ttlMs: 9, ...configFromJson(file), ...configFromEnv(env) });
    expect(config).toMatchObject({
      ttlMs: 9,
      leaseMs: 1000,
      cacheTtlMs: 6,
      scope: ['prod', 'eu'],
      excludedFields: ['trace_id'],
    });
  });

  // https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
  it.each(['SAMEKEY', 'SAMEKEY_PROXY', 'SAMEKEY_STORE', 'SAMEKEY_CONFIG', 'SAMEKEY_TTL_MS'])(
    'does not read the variables of a service of Kubernetes: %s',
    (service) => {
      const url = 'tcp://10.96.0.7:8787';
      const env = Object.fromEntries(
        ['TCP', 'UDP', 'SCTP'].flatMap((protocol) => [
          [`${service}_PORT_8787_${protocol}`, url],
          [`${service}_PORT_8787_${protocol}_PROTO`, protocol.toLowerCase()],
          [`${service}_PORT_8787_${protocol}_PORT`, '8787'],
          [`${service}_PORT_8787_${protocol}_ADDR`, '10.96.0.7'],
        ]),
      );
      expect(
        configFromEnv({
          ...env,
          [`${service}_SERVICE_HOST`]: '10.96.0.7',
          [`${service}_SERVICE_PORT`]: '8787',
          [`${service}_SERVICE_PORT_HTTP_METRICS`]: '8788',
          [`${service}_PORT`]: url,
          SAMEKEY_LEASE_MS: '1000',
        }),
      ).toEqual({ leaseMs: 1000 });
    },
  );

  it('reads every setting from the environment', () => {
    const { config } = idempotency();
    for (const [name, value] of Object.entries(config)) {
      const variable = `SAMEKEY_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
      const text = Array.isArray(value) ? 'volatile' : String(value ?? 5);
      const found = configFromEnv({ [variable]: text });
      expect(found).toEqual({ [name]: Array.isArray(value) ? ['volatile'] : (value ?? 5) });
    }
  });
});

describe('a wrong configuration', () => {
  it.each<[object, new () => Error, string]>([
    [{ ttlMs: '1h' }, TypeError, 'ttlMs is "1h", wanted a whole number'],
    [{ leaseMs: -1 }, RangeError, 'leaseMs is -1, wanted a whole number from 10'],
    [{ bits: 64 }, RangeError, 'bits is 64, wanted 256 or 128'],
    [{ headerName: 'Key:' }, RangeError, 'headerName is "Key:", wanted the name of a header'],
    [{ headerName: 5 }, TypeError, 'headerName is 5, wanted the name of a header'],
    [{ keyPrefix: '' }, RangeError, 'keyPrefix is "", wanted 1 to 16 letters'],
    [{ excludedFields: 'a' }, TypeError, 'excludedFields is "a", wanted a list of texts'],
    [{ presets: ['claude'] }, RangeError, 'presets has "claude", wanted some of volatile'],
    [{ onUnknown: 'ask' }, RangeError, 'onUnknown is "ask", wanted "retry" or "hold"'],
  ])('is refused: %o', (options, Class, message) => {
    expectThrown(() => idempotency(options), Class, {
      code: 'SAMEKEY_BAD_CONFIG',
      message: new RegExp(`^Cannot use the configuration: ${message.replaceAll('"', '\\"')}`),
    });
  });

  it('names the member that nobody knows', () => {
    const message = /no member "ttl" \(did you mean "ttlMs"\?\), only headerName, keyPrefix/;
    expectThrown(() => idempotency({ ttl: 5 } as object), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message,
    });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ SAMEKEY_TTL_MS: '1h' }, /SAMEKEY_TTL_MS is "1h", wanted a whole number/],
    [{ SAMEKEY_TTL: '5' }, /SAMEKEY_TTL is not a setting, wanted one of SAMEKEY_HEADER_NAME, /],
    [{ SAMEKEY_PORT: '8080' }, /SAMEKEY_PORT is not a setting/],
    [{ SAMEKEY_SERVICE: 'a' }, /SAMEKEY_SERVICE is not a setting/],
    [{ SAMEKEY_PORT_TCP: 'a' }, /SAMEKEY_PORT_TCP is not a setting/],
    [{ SAMEKEY_BITS: '64' }, /SAMEKEY_BITS is 64, wanted 256 or 128/],
  ])('in the environment is named by its variable: %o', (env, message) => {
    const [outcome] = [() => configFromEnv(env)].map((act) => {
      try {
        return act();
      } catch (error) {
        return error;
      }
    });
    expect(outcome).toMatchObject({
      code: 'SAMEKEY_BAD_CONFIG',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    ['{', /is not JSON/],
    ['[]', /wanted an object, not an array/],
    ['{"bits": "256"}', /bits is "256", wanted 256 or 128/],
  ])('in a file is refused: %s', (text, message) => {
    expect(() => configFromJson(text)).toThrow(message);
  });

  it('in a file is refused in one line, also if V8 quotes several of the text', () => {
    expect(() => configFromJson('{"bits":\u0001\r\n\n256}')).toThrow(
      /^Cannot use the configuration: the text is not JSON \([^\p{Cc}]+\), wanted an object$/u,
    );
  });
});
