import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { keyOfJson } from '../../src/index.js';
import { expectFailure, folder, hasPython, itWith, ROOT, samekey } from './program.js';

// examples/python/samekey.py derived every expected key from the same value or bytes. Excluded members
// were deleted from the Python dictionary first.
const ORDER = '{"order_id":7,"items":[{"sku":"A1","note":"gift"},{"sku":"B2"}],"trace_id":"t-1"}\n';
const KEY = 'ik_467866f8ac1cfa43f801f3cb7ada374365928bfe844a5cadc5d174e00f4ed40a';
const KEY_WITHOUT_TRACE = 'ik_079146178a1061c2449c231786dd65c35cc1bfbae7a8fa5a6ad46fb5b0178222';
const KEY_OF_SKUS = 'ik_6dbfc6971e0ca834f4fb8da8224e66dd8a52aca5da808e4329884b720c225c5f';
const SECRET = { CHECKOUT_SECRET: 'correct horse' };

const files = folder();
const order = files.write('order.json', ORDER);
const bytes = files.write(
  'bytes.bin',
  Uint8Array.from({ length: 256 }, (_, i) => i),
);

const printed = (line: string) => ({ code: 0, stdout: `${line}\n`, stderr: '' });

describe('samekey key', () => {
  it.each([
    ['no options', [], KEY],
    ['--exclude', ['--exclude', 'trace_id'], KEY_WITHOUT_TRACE],
    ['--preset', ['--preset', 'volatile'], KEY_WITHOUT_TRACE],
    ['two presets', ['-p', 'anthropic', '-p', 'volatile'], KEY_WITHOUT_TRACE],
    ['--include, repeated', ['-i', 'order_id', '--include', '$.items[*].sku'], KEY_OF_SKUS],
    [
      'a preset and --exclude together',
      ['--preset', 'volatile', '-x', '$.items[*].note'],
      KEY_OF_SKUS,
    ],
    [
      '--include with --exclude',
      ['-i', 'items', '-x', '$..note'],
      'ik_541a66609a1543de2963a57c694b888c166427acc3148cd8a17d34a54c404a76',
    ],
    [
      '--ref',
      ['--ref', 'items'],
      'ik_0d8e7baa560fbf3759b1899a4c79383150cefebe512431ea84d818a12ace0c7f',
    ],
    [
      '--scope',
      ['--scope', 'checkout'],
      'ik_d2e65897f42a85a10c13ae80b175a714422658c67d85afe9f0a423e191886aa8',
    ],
    [
      'two scopes, outermost first',
      ['-s', 'tenant-1', '-s', 'checkout'],
      'ik_0f754e5f0b6a3145e4008088b61a8078d1c306422db81884aad641455e4738b8',
    ],
    ['--bits 128', ['--bits', '128'], 'ik_467866f8ac1cfa43f801f3cb7ada3743'],
    ['--bits 256', ['-b', '256'], KEY],
    [
      '--secret-env',
      ['--secret-env', 'CHECKOUT_SECRET'],
      'ik_be27435b6d0aba9c3b87c4736a666fdc3a49b84603bda20b2b962630f2da24a5',
    ],
    [
      'all at once',
      ['-x', 'trace_id', '-s', 'checkout', '-b', '128', '--secret-env', 'CHECKOUT_SECRET'],
      'ik_cc37ace1d570114a0f2dc6726795a5be',
    ],
    ['--uuid url', ['--uuid', 'url'], '40d98b63-fbca-56e9-9d4f-51f4c304b2cf'],
    [
      '--uuid without the trace',
      ['--uuid', 'dns', '-x', 'trace_id'],
      'bf73f8a3-5a68-581d-a717-25e07038b07f',
    ],
    [
      '--uuid with a namespace of your own',
      ['--uuid', '0190A0B2-5F1E-4C6E-9A9E-2F3D4C5B6A79'],
      'd21a6623-40f0-5f1e-8ff1-724d58782e82',
    ],
  ])('%s', async (_, args, expected) => {
    expect(await samekey(['key', order, ...args], { env: SECRET })).toEqual(printed(expected));
  });

  it.each(['native', 'wasm', 'js'])('prints the same with the engine %s', async (engine) => {
    const env = { SAMEKEY_ENGINE: engine };
    expect(await samekey(['key', order], { env })).toEqual(printed(KEY));
    expect(await samekey(['key', order, '--uuid', 'url'], { env })).toEqual(
      printed('40d98b63-fbca-56e9-9d4f-51f4c304b2cf'),
    );
  });

  itWith('python3', hasPython, 'prints the same as the Python port for every example', async () => {
    const examples = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.json'));
    expect(examples.length).toBeGreaterThan(5);
    for (const name of examples) {
      const python = spawnSync(
        'python3',
        ['-B', 'examples/python/samekey.py', `examples/${name}`],
        {
          cwd: ROOT,
          encoding: 'utf8',
        },
      );
      expect(python.stdout).toMatch(/^ik_[0-9a-f]{64}\n$/);
      expect(await samekey(['key', `examples/${name}`])).toEqual(printed(python.stdout.trim()));
    }
  });

  it('keeps the digits of integers beyond 2^53 - 1', async () => {
    const seeds = ['4944116822809979520', '4944116822809979521'];
    const keys = await Promise.all(
      seeds.map(async (seed) => {
        const input = `{"seed":${seed},"model":"m"}`;
        const { stdout } = await samekey(['key'], { input });
        const other = `{ "model": "m", "seed": ${seed} }`;
        expect(await samekey(['key'], { input: other })).toEqual(printed(stdout.trim()));
        const json = await samekey(['key', '--json'], { input: other });
        expect(JSON.parse(json.stdout).key).toBe(stdout.trim());
        expect(stdout.trim()).toBe(keyOfJson(input, { bigNumbers: 'digits' }));
        return stdout;
      }),
    );
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('--big-numbers double: rounds integers beyond 2^53 - 1, as JSON.parse does', async () => {
    const input = '[9007199254740993,1]';
    const args = ['key', '--big-numbers', 'double'];
    const expected = 'ik_6f0a5f65321ab04da83cab8fa86073d50b35b98dc147ca475c6f14b7a253b89f';
    expect(await samekey(args, { input })).toEqual(printed(expected));
    const { stdout } = await samekey([...args, '--json'], { input });
    expect(JSON.parse(stdout).key).toBe(expected);
    const refusing = await samekey(['key', '--big-numbers', 'error'], { input });
    expectFailure(refusing, 4, /, or --big-numbers digits or double$/);
  });

  it('ignores the order of members, white space and escapes', async () => {
    const input =
      '{ "trace_id": "t\\u002d1",\r\n\t"items": [{"note": "gift", "sku": "A1"}, {"sku": "B2"}],\n "order_id": 7.0 }';
    expect(await samekey(['key'], { input })).toEqual(printed(KEY));
  });

  it.each([
    ['"\\u00e9\\n😀"', 'ik_c34b35ee30fac4754e9bd1b1b7c401ebe41823b937ae5995a8807ff0d09f7ca2'],
    ['true', 'ik_b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b'],
    ['1e21', 'ik_241c4643fa70b1dcde1205b71be4e3bebb17e9f880c8e1a33d0ead6c27271d3c'],
    [
      '[9007199254740991,-9007199254740991]',
      'ik_84bad60c1793654a7cdca854230af90af531ecc8f7656e2c7b2bd91890017b37',
    ],
  ])('accepts any JSON value: %s', async (input, expected) => {
    expect(await samekey(['key', '-'], { input })).toEqual(printed(expected));
  });
});

describe('standard input', () => {
  it('is read without FILE, and when FILE is -', async () => {
    expect(await samekey(['key'], { input: ORDER })).toEqual(printed(KEY));
    expect(await samekey(['key', '-'], { input: ORDER })).toEqual(printed(KEY));
  });

  it('may arrive slowly, cut in the middle of a character', async () => {
    const whole = Buffer.from('"é\\n😀"');
    const input = Readable.from(
      (async function* () {
        for (const byte of whole) {
          await sleep(5);
          yield Uint8Array.of(byte);
        }
      })(),
    );
    expect(await samekey(['key'], { input })).toEqual(
      printed('ik_c34b35ee30fac4754e9bd1b1b7c401ebe41823b937ae5995a8807ff0d09f7ca2'),
    );
  });
});

describe('samekey key --raw', () => {
  it.each([
    ['', [], 'ik_40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880'],
    ['--bits 128', ['--bits', '128'], 'ik_40aff2e9d2d8922e47afd4648e696749'],
    [
      '--scope',
      ['--scope', 'upload'],
      'ik_ba54b1b982787027080167566389a0996043dea9e7e2e15aad02e3426d4db4d3',
    ],
    [
      '--scope and --secret-env',
      ['--scope', 'upload', '--secret-env', 'CHECKOUT_SECRET'],
      'ik_09daabd23040a265da25be862193184a831fbb57fbd7aee6e49683ea5aca15d5',
    ],
    ['--uuid oid', ['--uuid', 'oid'], '492cb7a0-74f4-5de0-9cbe-21bb46349a14'],
  ])('hashes the raw bytes %s', async (_, args, expected) => {
    const run = await samekey(['key', '--raw', bytes, ...args], { env: SECRET });
    expect(run).toEqual(printed(expected));
  });

  it('hashes 256 MiB in constant memory', async () => {
    const large = join(files.path, 'zeros.bin');
    const fd = openSync(large, 'w');
    ftruncateSync(fd, 2 ** 28);
    closeSync(fd);
    const tellMemory =
      'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';
    const run = (file: string) =>
      samekey(['key', '--raw', file], { nodeOptions: ['--import', tellMemory] });
    const [small, { code, stdout, stderr }] = [await run(bytes), await run(large)];
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'ik_a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484\n',
    });
    // Kilobytes.
    expect(Number(stderr) - Number(small.stderr)).toBeLessThan(64 * 1024);
  });

  it.each([
    ['--include', ['--include', 'a']],
    ['--big-numbers', ['--big-numbers', 'double']],
    ['--exclude', ['--exclude', 'a']],
    ['--preset', ['--preset', 'openai']],
    ['--ref', ['--ref', 'a']],
  ])('refuses %s, because bytes have no paths', async (flag, args) => {
    expectFailure(
      await samekey(['key', '--raw', bytes, ...args]),
      2,
      `${flag} applies to JSON, and --raw hashes raw bytes: leave one out`,
    );
  });
});

describe('samekey key --json', () => {
  const json = async (...args: string[]) => {
    const run = await samekey(['key', order, '--json', ...args], { env: SECRET });
    expect(run).toEqual({ code: 0, stdout: expect.stringMatching(/^\{.*\}\n$/), stderr: '' });
    return JSON.parse(run.stdout);
  };

  it('prints one line that says how the key was derived', async () => {
    expect(
      await json(
        '-p',
        'volatile',
        '-s',
        'checkout',
        '-b',
        '128',
        '--secret-env',
        'CHECKOUT_SECRET',
      ),
    ).toEqual({
      key: 'ik_cc37ace1d570114a0f2dc6726795a5be',
      bits: 128,
      scopes: ['checkout'],
      hmac: true,
      excluded: [{ path: '/trace_id', by: '$.trace_id' }],
      referenced: [],
    });
  });

  it('lists paths that no --include selects, and values that are replaced by a digest', async () => {
    expect(await json('-i', 'order_id', '-i', 'items', '--ref', 'items')).toMatchObject({
      excluded: [{ path: '/trace_id', by: null }],
      referenced: [
        {
          path: '/items',
          sha256: '364f9093e22ab5dc93f24872fc964f46bd4cd94553dfa6dfc84fd72ec63a0f3f',
        },
      ],
    });
  });

  it('prints UUIDs with their namespace', async () => {
    expect(await json('--uuid', 'dns', '-x', 'trace_id')).toEqual({
      uuid: 'bf73f8a3-5a68-581d-a717-25e07038b07f',
      namespace: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      excluded: [{ path: '/trace_id', by: '$.trace_id' }],
      referenced: [],
    });
  });

  it('prints the key of raw bytes', async () => {
    const { stdout } = await samekey(['key', '--raw', '--json', '-s', 'upload', bytes]);
    expect(JSON.parse(stdout)).toEqual({
      key: 'ik_ba54b1b982787027080167566389a0996043dea9e7e2e15aad02e3426d4db4d3',
      bits: 256,
      scopes: ['upload'],
      hmac: false,
    });
  });
});
