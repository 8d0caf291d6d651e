#!/usr/bin/env python3
"""Fills in and checks the vectors of this folder with Python's standard library alone.

    python3 test/vectors/generate.py            rewrite what Python derives, check the rest
    python3 test/vectors/generate.py --check    write nothing; exit 1 if anything differs
    python3 test/vectors/generate.py --long     also hash the 4 GiB behind sha256-long.json

The inputs are data in the files. A vector whose source begins with "Python" gets its outputs from
here, so a new one is its input, its source and one run. The outputs of every other vector (NIST, an
RFC, by hand) are never written, only compared. No line of samekey takes part.
"""

import hashlib
import hmac
import json
import math
import struct
import sys
import uuid
from pathlib import Path
from textwrap import indent

HERE = Path(__file__).parent


def content_bytes(rule):
    """The bytes an input rule stands for; every reader of these files needs these lines."""
    if 'utf8' in rule:
        return rule['utf8'].encode('utf-8')
    if 'hex' in rule:
        return bytes.fromhex(rule['hex'])
    if 'pattern' in rule:
        return bytes(i % 251 for i in range(rule['pattern']))
    return content_bytes(rule['repeat']) * rule['repeat']['count']


# --- digests ------------------------------------------------------------------------------------


def digest(algorithm, row):
    return settle(row, digest=hashlib.new(algorithm, content_bytes(row['content'])).hexdigest())


def every_length(row):
    """The digest of the digests of the patterns of 0 to `until` bytes, in this order."""
    digests = (hashlib.sha256(content_bytes({'pattern': n})).digest() for n in range(row['until'] + 1))
    return settle(row, digest=hashlib.sha256(b''.join(digests)).hexdigest())


def monte_carlo(row):
    """NIST SHAVS §6.4: 100 checkpoints, a thousand chained digests each."""
    algorithm, seed = row['algorithm'].replace('-', '').lower(), bytes.fromhex(row['seed'])
    checkpoints = []
    for _ in range(100):
        window = [seed] * 3
        for _ in range(1000):
            window = [*window[1:], hashlib.new(algorithm, b''.join(window)).digest()]
        seed = window[-1]
        checkpoints.append(seed.hex())
    return settle(row, checkpoints=checkpoints)


def hmac_sha256(row):
    mac = hmac.new(content_bytes(row['key']), content_bytes(row['content']), hashlib.sha256)
    return settle(row, mac=mac.hexdigest()[:row['bits'] // 4])


# --- SHA-256 with its state in the open (FIPS 180-4 §4.2.2, §5.3.3, §6.2.2) ---------------------

MASK = 0xFFFFFFFF
PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
H0 = [math.isqrt(p << 64) & MASK for p in PRIMES[:8]]
# The first 32 bits of the fraction of a cube root, by Newton's method on integers.
K = []
for prime in PRIMES:
    root = 1 << 40
    while root**3 > prime << 96:
        root = (2 * root + (prime << 96) // root**2) // 3
    K.append(root & MASK)


def rotr(x, n):
    return x >> n | x << 32 - n & MASK


def compress(state, block):
    w = list(struct.unpack('>16L', block))
    for t in range(16, 64):
        s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3
        s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10
        w.append(w[t - 16] + s0 + w[t - 7] + s1 & MASK)
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (e & f ^ ~e & g) + K[t] + w[t]
        t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = t1 + t2 & MASK, a, b, c, d + t1 & MASK, e, f, g
    return [x + y & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def save_state(message):
    state, whole = H0, len(message) // 64 * 64
    for start in range(0, whole, 64):
        state = compress(state, message[start:start + 64])
    return struct.pack('>8LQ', *state, len(message)) + message[whole:]


def finish(saved, appended):
    *state, length = struct.unpack('>8LQ', saved[:40])
    rest, length = saved[40:] + appended, length + len(appended)
    rest += b'\x80' + bytes(-(len(rest) + 9) % 64) + struct.pack('>Q', length * 8)
    for start in range(0, len(rest), 64):
        state = compress(state, rest[start:start + 64])
    return struct.pack('>8L', *state).hex()


def saved_state(row):
    content, append = content_bytes(row['content']), content_bytes(row['append'])
    state, whole = save_state(content), hashlib.sha256(content + append).hexdigest()
    expect(f'{row["name"]}, resumed', finish(state, append), whole)
    return settle(row, state=state.hex(), digest=whole)


def long_message(row):
    """Only the last block is hashed here; --long hashes all of them."""
    midstate, append = bytes.fromhex(row['midstate']), content_bytes(row['append'])
    return settle(row, digest=finish(midstate, append))


def check_every_byte(rows):
    hasher, hashed, mebibyte = hashlib.sha256(), 0, bytes(1 << 20)
    for row in rows:
        while hashed < row['content']['repeat']['count'] - 1:
            hasher.update(mebibyte)
            hashed += len(mebibyte)
        whole = hasher.copy()
        whole.update(b'\0')
        expect(f'{row["name"]}, every byte', whole.hexdigest(), row['digest'])


# --- canonical JSON (RFC 8785) ------------------------------------------------------------------


def es_number(x):
    """ECMAScript Number::toString(10) from the shortest round-trip digits that repr() gives."""
    if not math.isfinite(x):
        return None
    if x < 0:
        return '-' + es_number(-x)
    if x == 0:
        return '0'
    mantissa, _, exponent = repr(x).partition('e')
    whole, _, fraction = mantissa.partition('.')
    n = len(whole) + int(exponent or 0)
    digits = whole + fraction
    n -= len(digits) - len(digits.lstrip('0'))
    digits = digits.strip('0')
    k = len(digits)
    if k <= n <= 21:
        return digits + '0' * (n - k)
    if 0 < n <= 21:
        return digits[:n] + '.' + digits[n:]
    if -6 < n <= 0:
        return '0.' + '0' * -n + digits
    mantissa = digits[0] + ('.' + digits[1:] if k > 1 else '')
    return mantissa + ('e+' if n > 0 else 'e-') + str(abs(n - 1))


def canonical(value):
    if isinstance(value, float):
        return es_number(value)
    if isinstance(value, list):
        return '[' + ','.join(canonical(item) for item in value) + ']'
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode('utf-16-be'))
        members = (canonical(name) + ':' + canonical(value[name]) for name in names)
        return '{' + ','.join(members) + '}'
    return json.dumps(value, ensure_ascii=False)  # str, int, bool, None


def number(row):
    if row['source'].startswith('Python'):
        row['ieee754'] = struct.pack('>d', float(row['name'])).hex()
    double, = struct.unpack('>d', bytes.fromhex(row['ieee754']))
    return settle(row, expected=es_number(double))


def pair(row):
    expect(f'{row["name"]}, again', canonical(json.loads(row['canonical'])), row['canonical'])
    return settle(row, canonical=canonical(json.loads(row['json'])))


# --- UUIDs and keys -----------------------------------------------------------------------------


def uuidv5(row):
    namespace, content = uuid.UUID(row['namespace']), row['content']
    digest = hashlib.sha1(namespace.bytes + content_bytes(content)).digest()
    value = str(uuid.UUID(bytes=digest[:16], version=5))  # RFC 9562 §5.5
    if 'utf8' in content:
        expect(row['name'], str(uuid.uuid5(namespace, content['utf8'])), value)
    return settle(row, uuid=value)


def replace_ref(value, path):
    """Replaces the value at a path like $.a[0].b by the digest of its own canonical bytes."""
    *parents, last = (int(step) if step.isdigit() else step
                      for step in path.replace('[', '.').replace(']', '').split('.')[1:])
    for step in parents:
        value = value[step]
    value[last] = 'sha256:' + hashlib.sha256(canonical(value[last]).encode('utf-8')).hexdigest()


def key(row):
    outputs, scopes = {}, list(row['scopes'])
    if 'json' in row:
        value = json.loads(row['json'])
        for path in row.get('refs', []):
            replace_ref(value, path)
        outputs['canonical'] = canonical(value)
        content = outputs['canonical'].encode('utf-8')
    else:
        content = content_bytes(row['content'])
    if 'window' in row:
        length, now = row['window']['lengthMs'], row['window']['nowMs']
        outputs['windowScope'] = f'window={length}:{now // length}'
        scopes.append(outputs['windowScope'])
    frame = b''.join(scope.encode('utf-8') + b'\0' for scope in scopes) + content
    if 'secret' in row:
        digest = hmac.new(content_bytes(row['secret']), frame, hashlib.sha256).hexdigest()
    else:
        digest = hashlib.sha256(frame).hexdigest()
    return settle(row, **outputs, key='ik_' + digest[:row['bits'] // 4])


# --- identities: the nodes that JSONPath selects (RFC 9535) ------------------------------------


def children(place, value):
    pairs = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [((*place, key), child) for key, child in pairs]


def descendants(node):
    return [node, *(each for child in children(*node) for each in descendants(child))]


def nodes(root, segments):
    """The nodes after each segment: a segment is [deep, selector, …], as the vectors have it."""
    found = [((), root)]
    for deep, *selectors in segments:
        parents = [each for node in found for each in descendants(node)] if deep else found
        found = [child for place, value in parents for child in children(place, value)
                 if any(chosen(each, child[0][-1], value) for each in selectors)]
    return found


def chosen(selector, key, parent):
    if selector == '*':
        return True
    if isinstance(parent, dict):
        return selector == {'name': key}
    indexes = range(len(parent))
    if 'slice' in selector:
        return selector['slice'][2] != 0 and key in indexes[slice(*selector['slice'])]
    return 'index' in selector and key == selector['index'] % max(len(parent), 1) \
        and -len(parent) <= selector['index'] < len(parent)


def identity(row):
    root = json.loads(row['json'])
    paths = {role: row['segments'].get(role, []) for role in ('include', 'exclude')}
    place_sets = {role: {place for path in each for place, _ in nodes(root, path)}
                  for role, each in paths.items()}
    leading = {place for path in paths['include'] for done in range(len(path))
               for node in nodes(root, path[:done])
               for place, _ in (descendants(node) if path[done][0] else [node])}
    MISSING = object()

    def part(place, value, is_inside):
        if place in place_sets['exclude']:
            return MISSING
        is_inside = is_inside or place in place_sets['include']
        is_container = isinstance(value, (list, dict))
        if not is_inside and not (is_container and place in leading):
            return MISSING
        if not is_container:
            return value
        kept = [(each[-1], part(each, child, is_inside)) for each, child in children(place, value)]
        kept = [(key, child) for key, child in kept if child is not MISSING]
        return [child for _, child in kept] if isinstance(value, list) else dict(kept)

    text = canonical(part((), root, not paths['include']))
    return settle(row, canonical=text, key='ik_' + hashlib.sha256(text.encode('utf-8')).hexdigest())


# --- files --------------------------------------------------------------------------------------

FILES = {
    'sha256.json': {'vectors': lambda row: digest('sha256', row), 'everyLength': every_length},
    'sha1.json': {'vectors': lambda row: digest('sha1', row)},
    'sha-monte-carlo.json': {'vectors': monte_carlo},
    'sha256-state.json': {'vectors': saved_state},
    'sha256-long.json': {'vectors': long_message},
    'hmac-sha256.json': {'vectors': hmac_sha256},
    'uuidv5.json': {'vectors': uuidv5},
    'canonical-json.json': {'vectors': pair, 'numbers': number},
    'keys.json': {'vectors': key},
    'identity-paths.json': {'vectors': identity},
}
failures = []


def expect(what, actual, expected):
    if actual != expected:
        failures.append(f'{what}: Python says {actual!a:.90}, the file {expected!a:.90}')


def settle(row, **outputs):
    """A row of Python's takes the outputs; any other must already hold them."""
    if row['source'].startswith('Python'):
        return {**row, **outputs}
    for name, value in outputs.items():
        expect(f'{row["name"]}, {name}', value, row.get(name))
    return row


def dump(document):
    """One vector a line, in ASCII, so that no editor normalizes a character away."""
    def one(row):
        return indent(json.dumps(row, indent=2 if 'checkpoints' in row else None), '    ')

    members = (json.dumps(value) if isinstance(value, str)
               else '[\n' + ',\n'.join(map(one, value)) + '\n  ]' for value in document.values())
    return '{\n' + ',\n'.join(f'  "{n}": {text}' for n, text in zip(document, members)) + '\n}\n'


def main(arguments):
    for name, sections in FILES.items():
        path = HERE / name
        old = path.read_text(encoding='utf-8')
        document = json.loads(old)
        for section, fill in sections.items():
            document[section] = [fill(row) for row in document[section]]
        if '--long' in arguments and name == 'sha256-long.json':
            check_every_byte(document['vectors'])
        new = dump(document)
        if '--check' in arguments:
            if new != old:
                failures.append(f'{name}: run generate.py, its outputs or its layout differ')
        else:
            path.write_text(new, encoding='utf-8')
    print('\n'.join(failures) or 'every vector agrees with Python')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
