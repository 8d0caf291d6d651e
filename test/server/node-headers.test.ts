import { expect, it } from 'vitest';
import { NodeHeaders, type NodeRequest } from '../../src/server/node/http.js';

it.each(['a', ' a', 'a \t', '\r\n a b \n', '', '   ', '\t\u00a0x\u00a0 '])(
  'NodeHeaders returns %j as Headers does',
  (value) => {
    const request = { headers: { one: value } } as unknown as NodeRequest;
    expect(new NodeHeaders(request).get('one')).toBe(new Headers({ one: value }).get('one'));
  },
);
