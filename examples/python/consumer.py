"""Prints the result of each request, from the record that a worker has left in Redis.

    python3 consumer.py 127.0.0.1:6379 < requests.jsonl

A line of the output is {"key": "ik_…", "state": …, "result": …}. The state is null without a
record, "running", "done" or "failed". docs/stores.md describes a record.
"""

import json
import socket
import sys

import samekey

PREFIX = 'samekey:'


def key_of_request(text):
    """Says which requests are the same, as in every other program of this queue."""
    request = samekey.parse_json(text)
    request.pop('trace_id', None)
    return samekey.key_of(request, scope='orders')


class Redis:
    """One connection, for commands whose reply is a bulk string."""

    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        self.stream = socket.create_connection((host, int(port))).makefile('rwb')

    def get(self, name):
        words = [b'GET', name.encode()]
        parts = [b'*%d\r\n' % len(words)] + [b'$%d\r\n%s\r\n' % (len(w), w) for w in words]
        self.stream.write(b''.join(parts))
        self.stream.flush()
        head = self.stream.readline()
        if not head.startswith(b'$'):
            raise OSError(head.decode(errors='replace').strip() or 'Redis closed the connection')
        length = int(head[1:])
        return None if length < 0 else self.stream.read(length + 2)[:length]


def read_record(value):
    """The state and the result of a record: ten lines, then the payload."""
    if value is None:
        return None, None
    state, _, _, _, _, _, _, _, _, codec, payload = value.split(b'\n', 10)
    if state in (b'running', b'awaited'):
        return 'running', None
    if state == b'done' and codec == b'json':
        return 'done', json.loads(payload) if payload else None
    return state.decode(), None


def main(address):
    redis = Redis(address)
    for line in sys.stdin.buffer:  # as text, a carriage return would end a line, too
        key = key_of_request(line.decode('utf-8'))
        state, result = read_record(redis.get(PREFIX + key))
        print(json.dumps({'key': key, 'state': state, 'result': result}))


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: python3 consumer.py HOST:PORT')
    try:
        main(sys.argv[1])
    except (OSError, ValueError) as error:
        sys.exit(f'consumer: {error}')
