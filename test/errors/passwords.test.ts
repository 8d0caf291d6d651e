import { describe, expect, it } from 'vitest';
import { addressWithoutPassword, textWithoutPasswords } from '../../src/errors/passwords.js';

describe('an address without its password', () => {
  it.each([
    ['redis://u:hunter2@db:1/0', 'redis://db:1/0'],
    ['redis://:hunter2@db', 'redis://db'],
    ['postgres://u:hun@ter2@db/app', 'postgres://db/app'],
    ['postgres://u:hun/ter2@db/app', 'postgres://db/app'],
    ['postgres://u:hun?t#er2@db/app', 'postgres://db/app'],
    ['mysql://u:hun ter2@db/app', 'mysql://db/app'],
    ['upstash:https://u:hunter2@db', 'upstash:https://db'],
    ['redis://db:1/0', 'redis://db:1/0'],
    ['lmdb:/home/a@b/store', 'lmdb:/home/a@b/store'],
    ['', ''],
  ])('%s', (address, wanted) => {
    expect(addressWithoutPassword(address)).toBe(wanted);
  });
});

describe('a text without passwords', () => {
  it.each([
    ['connect redis://u:hunter2@a:1 failed', 'connect redis://a:1 failed'],
    ['a://u:p@x, then b://u:q/r@y\nand c@d', 'a://x, then b://y\nand c@d'],
    ['"postgres://u:p@x/app" refused u@x', '"postgres://x/app" refused u@x'],
  ])('%s', (text, wanted) => {
    expect(textWithoutPasswords(text)).toBe(wanted);
  });
});
