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
    // The addresses of stores have no scheme.
    ['/home/a@b/store', '/home/a@b/store'],
    ['D:\\a@b\\records.db', 'D:\\a@b\\records.db'],
    ['sqlite:a@b.db', 'sqlite:a@b.db'],
    ['dynamodb:a@b', 'dynamodb:a@b'],
    // Typing errors.
    ['redis:app:hunter2@db:6379', 'db:6379'],
    ['redis:/app:hunter2@db:6379', 'db:6379'],
    ['redis//app:hunter2@db:6379', 'db:6379'],
    ['app:hun@ter2@db', 'db'],
    ['redis:app:hun ter"2@db', 'db'],
    [':hunter2@db', 'db'],
    ['postgres:app:hunter2@db?x=a://b', 'db?x=a://b'],
    // pg and mysql2 read a password there, too.
    ['postgres://db/app?user=u&password=hunter2&x=1', 'postgres://db/app?user=u&password=…&x=1'],
    ['postgres://db/app?sslpassword=hunter2', 'postgres://db/app?sslpassword=…'],
    ['postgres://db/app?PASSWORD=hunter2#a', 'postgres://db/app?PASSWORD=…#a'],
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
    ['Invalid URL redis:u:hunter2@x', 'Invalid URL x'],
    ['"redis::hunter2@x" is no address', '"x" is no address'],
    ['(u:hunter2@x)', '(x)'],
    ['postgres://x/app?password=hunter2 failed', 'postgres://x/app?password=… failed'],
    ["denied for user 'app'@'db' (1045)", "denied for user 'app'@'db' (1045)"],
    ['at C:\\app\\@scope\\a.js:1:2', 'at C:\\app\\@scope\\a.js:1:2'],
    ['in lmdb:/home/a@b/store', 'in lmdb:/home/a@b/store'],
    ['{"error":"a","user":"b@c"}', '{"error":"a","user":"b@c"}'],
    ['12:30 samekey@0.1.0', '12:30 samekey@0.1.0'],
  ])('%s', (text, wanted) => {
    expect(textWithoutPasswords(text)).toBe(wanted);
  });
});
