"""Runs samekey.py and identity_paths.py over the vectors that every language shares, test/vectors/*.json.

    python3 check_vectors.py        prints "N passed, 0 failed"; exits 1 if any failed
"""

import json
import re
import struct
import sys
from pathlib import Path

import identity_paths
import samekey

VECTORS = Path(__file__).resolve().parents[2] / 'test' / 'vectors'


def content_bytes(rule):
    if 'utf8' in rule:
        return rule['utf8'].encode('utf-8')
    if 'hex' in rule:
        return bytes.fromhex(rule['hex'])
    if 'pattern' in rule:
        return bytes(i % 251 for i in range(rule['pattern']))
    return content_bytes(rule['repeat']) * rule['repeat']['count']


def given(rule):
    """Text stays text here, so that both ways into the functions are used."""
    return rule['utf8'] if 'utf8' in rule else content_bytes(rule)


def replace_refs(value, paths):
    """Each value at a path like $.a[0].b becomes the digest of its own canonical bytes."""
    for path in paths:
        steps = [int(step) if step.isdigit() else step for step in re.findall(r'\w+', path)]
        holder = value
        for step in steps[:-1]:
            holder = holder[step]
        digest = samekey.key_of(holder[steps[-1]]).removeprefix('ik_')
        holder[steps[-1]] = f'sha256:{digest}'
    return value


def key(vector):
    scopes = list(vector['scopes'])
    if 'window' in vector:
        length = vector['window']['lengthMs']
        scopes.append(f'window={length}:{vector["window"]["nowMs"] // length}')
    secret = given(vector['secret']) if 'secret' in vector else None
    if 'json' not in vector:
        return samekey.sha256_hex(given(vector['content']), scopes, vector['bits'], secret)
    value = replace_refs(samekey.parse_json(vector['json']), vector.get('refs', []))
    return samekey.key_of(value, scopes, vector['bits'], secret)


def canonical_text(vector):
    value = replace_refs(samekey.parse_json(vector['json']), vector.get('refs', []))
    return samekey.canonical_json(value)


def part(vector):
    value = samekey.parse_json(vector['json'])
    return identity_paths.part_of(value, vector.get('include'), vector.get('exclude', ()))


def part_text(vector):
    return samekey.canonical_json(part(vector))


def part_key(vector):
    return samekey.key_of(part(vector))


def number_text(vector):
    """None where there is no text, as the vectors write it."""
    number, = struct.unpack('>d', bytes.fromhex(vector['ieee754']))
    return refusal_is_none(samekey.canonical_json, number)


def refused_text(vector):
    return refusal_is_none(canonical_text, vector)


def refusal_is_none(function, argument):
    try:
        return function(argument)
    except ValueError:
        return None


def hmac_key(vector):
    return samekey.sha256_hex(given(vector['content']), (), vector['bits'], given(vector['key']))


def uuid_text(vector):
    return samekey.uuidv5(vector['namespace'], given(vector['content']))


def checks():
    """(what, function, vector, expected) for everything the wire format pins."""
    canonical = load('canonical-json.json')
    yield from (('canonical', canonical_text, v, v['canonical']) for v in canonical['vectors'])
    yield from (('number', number_text, v, v['expected']) for v in canonical['numbers'])
    yield from (('refused', refused_text, v, None) for v in canonical['refused'])
    for vector in load('keys.json')['vectors']:
        yield 'key', key, vector, vector['key']
        if 'canonical' in vector:
            yield 'key, canonical', canonical_text, vector, vector['canonical']
    for vector in load('identity-paths.json')['vectors']:
        yield 'identity, canonical', part_text, vector, vector['canonical']
        yield 'identity', part_key, vector, vector['key']
    yield from (('uuidv5', uuid_text, v, v['uuid']) for v in load('uuidv5.json')['vectors'])
    for vector in load('hmac-sha256.json')['vectors']:
        yield 'hmac', hmac_key, vector, 'ik_' + vector['mac']


def load(name):
    return json.loads((VECTORS / name).read_text(encoding='utf-8'))


def main():
    passed = failed = 0
    for what, function, vector, expected in checks():
        try:
            actual = function(vector)
        except Exception as error:  # a crash is a failed vector, and the rest still run
            actual = error
        if actual == expected:
            passed += 1
        else:
            failed += 1
            print(f'{what}: {vector["name"]}: got {actual!a}, expected {expected!a}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
