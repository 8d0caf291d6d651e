"""The part of a JSON value that makes its key: include and exclude, as defineIdentity has them.

    from identity_paths import part_of
    from samekey import key_of
    key_of(part_of(request, exclude=['$.messages[-1]', 'trace_id']))

Paths are JSONPath (RFC 9535) with names, indexes, slices, * and .. ; a bare name means $.name.
"""

import json
import re

BARE_NAME = re.compile(r'[^\W\d][\w-]*')
# A segment: dots and a name or *, or brackets around selectors. A name in quotes may hold a bracket.
QUOTED = r'''"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*\''''
SEGMENT = re.compile(rf'\s*(?:(\.\.?)(\*|[^\W\d]\w*)|(\.\.)?\[((?:{QUOTED}|[^\]"\'])*)\])')
SELECTOR = re.compile(rf'\s*({QUOTED}|[^,]+)\s*(?:,|$)')


def part_of(value, include=None, exclude=()):
    """Raises ValueError if no include path matches the value."""
    included = [segments_of(path) for path in include or []]
    matches = [() in included or include is None]

    def walk(value, included, excluded, is_inside):
        if not isinstance(value, (dict, list)):
            return value
        is_list = isinstance(value, list)
        kept = []
        for key, child in enumerate(value) if is_list else value.items():
            length = len(value) if is_list else 0
            open_includes = list(follow(included, key, length))
            open_excludes = list(follow(excluded, key, length))
            if () in open_excludes:
                continue
            if () in open_includes:
                matches[0] = True
            is_child_inside = is_inside or () in open_includes
            # A container on the path to an included value stays.
            may_lead = any(open_includes) and isinstance(child, (dict, list))
            if is_child_inside or may_lead:
                kept.append((key, walk(child, open_includes, open_excludes, is_child_inside)))
        return [child for _, child in kept] if is_list else dict(kept)

    part = walk(value, included, [segments_of(path) for path in exclude], matches[0])
    if not matches[0]:
        raise ValueError('no include path matches the value')
    return part


def follow(paths, key, length):
    """What is left of each path at a member or element; () where it ends."""
    for path in filter(None, paths):
        (is_deep, selectors), rest = path[0], path[1:]
        if is_deep:
            yield path
        if any(selects(selector, key, length) for selector in selectors):
            yield rest


def selects(selector, key, length):
    if selector == '*':
        return True
    if not isinstance(key, int):
        return selector == ('name', key)
    if isinstance(selector, slice):  # Python's slices are those of RFC 9535, but for a step of 0
        return selector.step != 0 and key in range(length)[selector]
    return selector in (key, key - length)


def segments_of(path):
    if BARE_NAME.fullmatch(path):
        return ((False, [('name', path)]),)
    if not path.startswith('$'):
        raise ValueError(f'{path!r} is not a path, wanted $ or a bare name')
    at, segments = 1, []
    while at < len(path):
        found = SEGMENT.match(path, at)
        if found is None:
            raise ValueError(f'the path {path!r} cannot be read at position {at}')
        dots, name, deep, listed = found.groups()
        if name is None:
            selectors = [selector_of(text) for text in SELECTOR.findall(listed)]
        else:
            selectors = ['*' if name == '*' else ('name', name)]
        segments.append(((dots or deep) == '..', selectors))
        at = found.end()
    return tuple(segments)


def selector_of(text):
    text = text.strip()
    if text == '*':
        return text
    if text[:1] == '"':
        return 'name', json.loads(text)
    if text[:1] == "'":
        body = re.sub(r'''\\'|"''', lambda quote: "'" if quote[0] == "\\'" else '\\"', text[1:-1])
        return 'name', json.loads(f'"{body}"')
    if ':' in text:
        return slice(*(int(part) if part.strip() else None for part in text.split(':')))
    return int(text)
