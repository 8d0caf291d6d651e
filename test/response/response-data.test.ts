import { describe, expect, it } from 'vitest';
import { dataOf, type HeaderLine, headerIn, toResponse } from '../../src/response/response-data.js';

/** A member that only the platform sets. */
const withMember = (response: Response, name: string, value: unknown) =>
  Object.defineProperty(response, name, { value });

describe('headerIn', () => {
  it('returns the lines of a header joined, as Headers do', () => {
    const lines: HeaderLine[] = [
      ['x-a', '1'],
      ['x-b', ''],
      ['x-a', '2'],
    ];
    expect(['x-a', 'x-b', 'x-c'].map((name) => headerIn(lines, name))).toEqual(['1, 2', '', null]);
  });
});

describe('the data of a response', () => {
  it('has its parts', () => {
    const headers = new Headers({ 'x-a': '1' });
    const response = new Response('text', { status: 201, statusText: 'Created', headers });
    const { body, ...head } = dataOf('the response', response);
    expect(body).toBe(response.body);
    expect(head).toEqual({
      status: 201,
      statusText: 'Created',
      url: '',
      headers: [
        ['content-type', 'text/plain;charset=UTF-8'],
        ['x-a', '1'],
      ],
      hidesCoding: false,
    });
  });

  it('says whether the platform hides its coding, as browsers do for another origin', () => {
    const response = withMember(new Response(), 'type', 'cors');
    expect(dataOf('the response', response).hidesCoding).toBe(true);
  });

  it('says whether the platform received it, and no program made it', () => {
    class Received extends Response {
      override get url() {
        return 'https://a.example/';
      }
    }
    expect(dataOf('the response', new Received()).isReceived).toBe(true);
    const made = withMember(new Response(), 'url', 'https://a.example/');
    for (const response of [made, new Response()]) {
      expect(dataOf('the response', response)).not.toHaveProperty('isReceived');
    }
  });

  it('is refused for a response that cannot be read', () => {
    expect(() => dataOf('ik_1', Response.error())).toThrow(
      expect.objectContaining({
        code: 'SAMEKEY_BAD_ARGUMENT',
        message:
          'Cannot share ik_1: it is error, wanted a readable response (no mode "no-cors", no redirect "manual" in a browser)',
      }),
    );
    const read = new Response('text');
    read.text();
    const locked = new Response('text');
    locked.body?.getReader();
    for (const response of [read, locked]) {
      expect(() => dataOf('ik_1', response)).toThrow(
        expect.objectContaining({
          code: 'SAMEKEY_BAD_ARGUMENT',
          message: 'Cannot share ik_1: its body was read already, wanted an unread one',
        }),
      );
    }
  });
});

describe('the response of data', () => {
  const head = { status: 200, statusText: 'Fine', url: '', headers: [] };
  const body = new TextEncoder().encode('text');

  it('has its parts, and the URL if there is one', async () => {
    const response = toResponse({ ...head, url: 'https://a.example/', status: 202, body });
    const { status, statusText, url } = response;
    expect({ status, statusText, url }).toEqual({
      status: 202,
      statusText: 'Fine',
      url: 'https://a.example/',
    });
    expect(await response.text()).toBe('text');
    const made = toResponse({ ...head, body });
    expect([made.url, Object.hasOwn(made, 'url')]).toEqual(['', false]);
  });

  it.each([204, 205, 304])('with status %i has no body', (status) => {
    expect(toResponse({ ...head, status, body }).body).toBe(null);
  });

  it.each<[string, HeaderLine[]]>([
    [
      'a type',
      [
        ['content-type', 'text/html'],
        ['x-a', '1'],
      ],
    ],
    [
      'a type, and a header twice',
      [
        ['content-type', 'text/html'],
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    ],
    ['no type', [['x-a', '1']]],
    ['no header', []],
    [
      'cookies',
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
    ],
  ])('has headers with %s', (_, headers) => {
    const wanted = new Headers();
    for (const [name, value] of headers) wanted.append(name, value);
    expect([...toResponse({ ...head, headers, body }).headers]).toEqual([...wanted]);
  });
});
