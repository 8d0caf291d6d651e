"""The samekey wire format in Python's standard library: same content, same key as in TypeScript.

    python3 samekey.py request.json        prints ik_ and 64 hex digits

Everything that is passed makes the key. identity_paths.py has include and exclude.
"""

import hashlib
import hmac
import json
import math
import sys
import uuid
from decimal import Decimal

MAX_SAFE_INTEGER = 2**53 - 1


def canonical_json(value):
    """The RFC 8785 text of a value made of dict, list, str, int, float, bool and None."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        value.encode('utf-8')  # a lone surrogate is not Unicode text and raises here
        return json.dumps(value, ensure_ascii=False)  # escapes exactly what RFC 8785 §3.2.2.2 lists
    if isinstance(value, int):
        # JavaScript holds every number as a double, so beyond this two integers can become one,
        # unless its digits are those that a double is printed with. Send large ids as strings.
        if abs(value) > MAX_SAFE_INTEGER and not is_printed_double(value):
            raise ValueError('an integer beyond 2^53-1 is not the same everywhere: send a string')
        return str(int(value))
    if isinstance(value, float):
        return ecmascript_number(value)
    if isinstance(value, (list, tuple)):
        return '[' + ','.join(map(canonical_json, value)) + ']'
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise TypeError('a member name must be a string')
        # RFC 8785 §3.2.3 orders by UTF-16 code units: U+1F600 sorts before U+FB33.
        names = sorted(value, key=lambda name: name.encode('utf-16-be'))
        members = (f'{canonical_json(name)}:{canonical_json(value[name])}' for name in names)
        return '{' + ','.join(members) + '}'
    raise TypeError(f'{type(value).__name__} has no JSON form')


def is_printed_double(integer):
    return abs(integer) < 10**21 and ecmascript_number(float(integer)) == str(integer)


def ecmascript_number(number):
    """ECMAScript Number::toString(10). repr() already gives the shortest digits that round-trip."""
    if not math.isfinite(number):
        raise ValueError(f'{number} has no JSON form')
    if number == 0:
        return '0'  # also for -0
    sign, digit_tuple, exponent = Decimal(repr(number)).as_tuple()
    digits = ''.join(map(str, digit_tuple))
    point = len(digits) + exponent  # where the decimal point stands: the n of the standard
    digits = digits.rstrip('0')
    if len(digits) <= point <= 21:
        text = digits.ljust(point, '0')
    elif 0 < point <= 21:
        text = digits[:point] + '.' + digits[point:]
    elif -6 < point <= 0:
        text = '0.' + '0' * -point + digits
    else:
        fraction = '.' + digits[1:] if digits[1:] else ''
        text = f'{digits[0]}{fraction}e{point - 1:+d}'
    return '-' * sign + text


def to_bytes(content):
    return content.encode('utf-8') if isinstance(content, str) else bytes(memoryview(content))


def frame(content, scope=()):
    """scope 00 scope 00 … 00 content; without a scope, the content alone."""
    scopes = [scope] if isinstance(scope, str) else list(scope)
    if any('\0' in each for each in scopes):
        raise ValueError('a scope must not hold U+0000, which separates scopes')
    return b''.join(each.encode('utf-8') + b'\0' for each in scopes) + to_bytes(content)


def sha256_hex(content, scope=(), bits=256, secret=None):
    """The key of text or bytes."""
    if bits not in (256, 128):
        raise ValueError('bits must be 256 or 128')
    framed = frame(content, scope)
    if secret is None:
        digest = hashlib.sha256(framed).hexdigest()
    elif len(secret) == 0:
        raise ValueError('an empty secret protects nothing')
    else:
        digest = hmac.new(to_bytes(secret), framed, hashlib.sha256).hexdigest()
    return 'ik_' + digest[: bits // 4]


def key_of(value, scope=(), bits=256, secret=None):
    """The key of a JSON value. A string is a JSON value too: its quotes are hashed with it."""
    return sha256_hex(canonical_json(value), scope, bits, secret)


def uuidv5(namespace, content):
    """The RFC 9562 §5.5 UUID of text or bytes; uuid.uuid5 in Python 3.11 takes text only."""
    parsed = uuid.UUID(namespace)
    if str(parsed) != namespace.lower():  # uuid.UUID also takes braces, urn: and bare hex
        raise ValueError(f'{namespace!r} is not a UUID in its usual form')
    digest = hashlib.sha1(parsed.bytes + to_bytes(content), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def parse_json(text):
    """json.loads, minus what it lets through: NaN, Infinity and a name given twice."""

    def unique_members(pairs):
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError('a member name is given twice, so its value depends on the parser')
        return members

    def not_json(name):
        raise ValueError(f'{name} is not JSON')

    return json.loads(text, object_pairs_hook=unique_members, parse_constant=not_json)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: python3 samekey.py FILE')
    try:
        with open(sys.argv[1], encoding='utf-8') as file:
            print(key_of(parse_json(file.read())))
    except (OSError, ValueError, RecursionError) as error:
        sys.exit(f'samekey: {sys.argv[1]}: {error}')
