import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { folder, itOnTerminal, onTerminal, PROGRAM, samekey } from './program.js';

const A = 'ik_43862ed8fe3a909eb1c24145058e160785911e5bf5d68632de2ee1ad9eeccc98';
const B = 'ik_d10a9b5c7ba474f83a59345d2725cec73424c1ef526a576d7ccae0d6d269faa0';
const SHORT = 'ik_ba7816bf8f01cfea414140de5dae2223';
const RANDOM = '0190a0b2-5f1e-4c6e-9a9e-2f3d4c5b6a79';
const DERIVED = '2ed6657d-e927-568b-95e1-2665a8aea6a2';
const DIGEST = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

const files = folder();

/** Checks the output and the summary for these lines of input. */
async function check(lines: readonly string[], found: readonly string[], summary: string) {
  const run = await samekey(['check'], { input: lines.map((line) => `${line}\n`).join('') });
  expect(run).toEqual({
    code: found.length === 0 ? 0 : 1,
    stdout: found.map((line) => `${line}\n`).join(''),
    stderr: `samekey: ${summary}\n`,
  });
}

describe('good input', () => {
  it('is a list of keys of one format', () =>
    check([A, B, `"${A}",`, ` ${B}\r`], [], '4 keys (ik_ with 256 bits) in 4 lines'));

  it('is a log, also with identifiers that are not keys', () =>
    check(
      [
        `2026-10-14T09:00:01Z POST /v1/messages idempotency-key: ${A} trace=${RANDOM}`,
        `{"level":"info","headers":{"Idempotency-Key":"\\"${B}\\""},"request_id":"${RANDOM}"}`,
        `{"msg":"{\\"idempotency_key\\":\\"${A}\\"}"}`,
        `pulled image sha256:${DIGEST}, span 4bf92f3577b34da6a3ce929d0e0e4736`,
        'set ik_prefix before; see the idempotency key: draft for what it means',
        `SET idem:${B} running EX 30`,
        `GET lock_${A}`,
      ],
      [],
      '5 keys (ik_ with 256 bits) in 7 lines',
    ));

  it('may be written in any one format', async () => {
    await check([SHORT, SHORT], [], '2 keys (ik_ with 128 bits) in 2 lines');
    await check([RANDOM], [], '1 key (a random UUID (version 4)) in 1 line');
  });

  it('may contain no keys', async () => {
    await check([], [], 'no keys in 0 lines');
    await check(['nothing', ''], [], 'no keys in 2 lines');
  });
});

describe('malformed keys', () => {
  it('are reported with line, column and fault', () =>
    check(
      [
        `key=${A}`,
        `key=${A.slice(0, -1)}`,
        `key=${A.slice(0, 20)}…`,
        `key=${A.replace('ed8fe', 'ED8FE')}`,
        `key=${A}-2`,
        `IK_${A.slice(3)}`,
        'ik_',
      ],
      [
        `2:5: malformed: ${A.slice(0, -1)}: a key has 64 or 32 digits after "ik_", this one has 63`,
        `3:5: malformed: ${A.slice(0, 20)}: a key has 64 or 32 digits after "ik_", this one has 17`,
        `4:5: malformed: ${A.replace('ed8fe', 'ED8FE')}: "E" is an upper-case digit, keys are lower-case`,
        `5:5: malformed: ${A}-2: "-" is not a hexadecimal digit`,
        `6:1: malformed: IK_${A.slice(3)}: a key begins with "ik_"`,
        '7:1: malformed: ik_: a key has 64 or 32 digits after "ik_", this one has 0',
      ],
      '1 key (ik_ with 256 bits), 6 malformed keys in 7 lines',
    ));

  it('are found where a program printed an unset variable', () =>
    check(
      [
        'Idempotency-Key: undefined',
        '{"idempotencyKey":"[object Object]"}',
        'idempotency_key=null&amount=5',
        "headers: { 'idempotency-key': '' }",
        `idempotency-key: \${key}`,
      ],
      [
        '1:18: malformed: undefined: it stands for the value of a variable',
        '2:20: malformed: [object: it stands for the value of a variable',
        '3:17: malformed: null: it stands for the value of a variable',
        '4:32: malformed: "": it is empty',
        `5:18: malformed: \${key: it stands for the value of a variable`,
      ],
      'no keys, 5 malformed keys in 5 lines',
    ));
});

describe('an empty header or variable', () => {
  it('is malformed where its line ends', () =>
    check(
      [
        'Idempotency-Key: ',
        'Idempotency-Key:\r',
        'export IDEMPOTENCY_KEY=',
        'POST /orders?idempotency_key=&amount=5',
        "curl -H 'Idempotency-Key: '",
        '{"msg":"{\\"idempotency_key\\":\\"\\"}"}',
      ],
      [
        '1:18: malformed: "": it is empty',
        '2:18: malformed: "": it is empty',
        '3:24: malformed: "": it is empty',
        '4:30: malformed: "": it is empty',
        '5:27: malformed: "": it is empty',
        '6:32: malformed: "": it is empty',
      ],
      'no keys, 6 malformed keys in 6 lines',
    ));

  it('is not the end of a sentence about keys, nor a value that follows on the next line', () =>
    check(
      [
        'how to choose an idempotency key:',
        'idempotency_key: [',
        '{ "idempotencyKey":',
        'const idempotencyKey =',
        'headers: { "idempotency-key":',
      ],
      [],
      'no keys in 5 lines',
    ));
});

describe('mixed formats', () => {
  it('are reported where they differ from the most frequent one', () =>
    check(
      [
        `idempotency-key: ${A}`,
        `idempotency-key: ${RANDOM}`,
        `idempotency-key: ${B}`,
        `custom_id: ${SHORT}`,
        `idempotency-key: ${DERIVED}`,
        DIGEST,
        'Idempotency-Key: order-17',
      ],
      [
        `2:18: mixed: ${RANDOM}: a random UUID (version 4), most are ik_ with 256 bits`,
        `4:12: mixed: ${SHORT}: ik_ with 128 bits, most are ik_ with 256 bits`,
        `5:18: mixed: ${DERIVED}: a UUID (version 5), most are ik_ with 256 bits`,
        `6:1: mixed: ${DIGEST}: a bare 256-bit digest, most are ik_ with 256 bits`,
        '7:18: mixed: order-17: some other text, most are ik_ with 256 bits',
      ],
      '2 keys (ik_ with 256 bits), 5 keys of another format in 7 lines',
    ));

  it('are compared with ik_ keys if two formats are equally frequent', () =>
    check(
      [RANDOM, A],
      [`1:1: mixed: ${RANDOM}: a random UUID (version 4), most are ik_ with 256 bits`],
      '1 key (ik_ with 256 bits), 1 key of another format in 2 lines',
    ));

  it('are listed up to a limit', async () => {
    const lines = [...Array(3000).fill(A), ...Array(2500).fill(SHORT)];
    const { code, stdout, stderr } = await samekey(['check'], { input: lines.join('\n') });
    expect(code).toBe(1);
    const rows = stdout.trimEnd().split('\n');
    expect(rows.length).toBe(1001);
    expect(rows[0]).toMatch(/^3001:1: mixed: /);
    expect(rows.at(-1)).toBe('1,500 more keys of this format: ik_ with 128 bits');
    expect(stderr).toBe(
      'samekey: 3,000 keys (ik_ with 256 bits), 2,500 keys of another format in 5,500 lines\n',
    );
  });
});

describe('the stream', () => {
  it('is checked while it is arriving', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'check'], { env: { PATH: process.env.PATH } });
    child.stdin.write(`${A}\nik_12\n`);
    const [first] = await Promise.all([
      new Promise((resolve) => child.stdout.once('data', resolve)),
    ]);
    expect(String(first)).toMatch(/^2:1: malformed: ik_12: /);
    child.stdin.end();
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
  });

  it('may have lines of any length, in bounded memory', async () => {
    const filler = Buffer.alloc(1 << 20, 'word ');
    const solid = Buffer.alloc(1 << 20, 'x');
    const input = Readable.from(
      (function* () {
        for (let i = 0; i < 48; i++) yield solid;
        yield `é ${A} `;
        for (let i = 0; i < 48; i++) yield filler;
        yield ` idempotency-key: ik_12 and\n${B}\n`;
      })(),
    );
    const tellMemory =
      'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';
    const run = await samekey(['check'], { input, nodeOptions: ['--import', tellMemory] });
    const column = 48 * 2 ** 20 + 2 + A.length + 1 + 48 * 2 ** 20 + 18 + 1;
    expect(run.stdout).toBe(
      `1:${column}: malformed: ik_12: a key has 64 or 32 digits after "ik_", this one has 2\n`,
    );
    const [summary, maxRssKilobytes] = run.stderr.split('\n');
    expect(summary).toBe('samekey: 2 keys (ik_ with 256 bits), 1 malformed key in 2 lines');
    expect(Number(maxRssKilobytes)).toBeLessThan(256 * 1024);
    expect(run.code).toBe(1);
  });

  it('may contain bytes that are not UTF-8', async () => {
    const input = Buffer.concat([
      Buffer.of(0xff, 0, 0xfe, 10),
      Buffer.from(`${A}\n`),
      Buffer.of(0xe9),
    ]);
    expect(await samekey(['check', '-'], { input })).toMatchObject({
      code: 0,
      stderr: 'samekey: 1 key (ik_ with 256 bits) in 3 lines\n',
    });
  });

  it('may be a file', async () => {
    const file = files.write('keys.txt', `${A}\n${RANDOM}\n${B}`);
    expect(await samekey(['check', file])).toEqual({
      code: 1,
      stdout: `2:1: mixed: ${RANDOM}: a random UUID (version 4), most are ik_ with 256 bits\n`,
      stderr: 'samekey: 2 keys (ik_ with 256 bits), 1 key of another format in 3 lines\n',
    });
  });

  itOnTerminal('is shown in colours, with control characters escaped', async () => {
    const file = files.write('log.txt', `idempotency-key: 1\u001b[2J2\n${A}\n${B}\nik_12\n`);
    const { stdout, code } = await onTerminal(['check', file]);
    expect(stdout).toContain('4:1: \u001b[31mmalformed\u001b[39m: ik_12: ');
    expect(stdout).toContain('1:18: \u001b[33mmixed\u001b[39m: 1\\u001b[2J2: some other text');
    expect(stdout).toContain('\u001b[31msamekey: 2 keys');
    expect(code).toBe(1);
  });
});
