"""A long JSON text, parsed a slice at a time: less memory, and others need not wait for the whole of it.

Where one element ends and the next begins is guessed from the punctuation, then proved: what lies between the place
reached and the guess, put in brackets of its own, is valid JSON only if whole elements lie there, since JSON is read from
left to right. A wrong guess costs another try.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

SLICE = 65_536
_MOST_DOUBLINGS = 6  # without a right guess in a slice so long the rest is parsed as a whole
_TRIES = 8  # wrong guesses before a longer slice is tried

_BLANK = re.compile(rb"\s*")
# end of an element or member, by how its value begins -> what may lie before the next one
_ENDS = {b"{": rb"\}", b"[": rb"\]", b'"': rb'"'}


def elements(text: bytes, start: int, head: bytes = b"[", size: int = SLICE) -> Iterator[list[Any]]:
    """Give the elements of the array that begins at `start`, some at a time; orjson.JSONDecodeError where it is broken.

    `head` makes valid JSON of the text behind the array's bracket: `{"":[` for an array that stands in an object.
    """
    first = after_blanks(text, start + 1)
    mark = text[first : first + 1]
    between = re.compile(_ENDS.get(mark, rb"") + rb"(?<!\s)\s*+(,)\s*+(?=" + re.escape(mark) + rb")")
    for cut, place in _cuts(text, first, between, b"[]", size):
        yield cut
        first = place
    rest = orjson.loads(head + text[first:])
    yield rest[""] if isinstance(rest, dict) else rest


def members(text: bytes, start: int, size: int = SLICE) -> Iterator[dict[str, Any]]:
    """Give the members of the object that begins at `start` and ends with the text, some at a time; else the same."""
    first = after_blanks(text, start + 1)
    value = re.compile(rb'"(?:[^"\\]++|\\.)*+"\s*+:\s*+(.)', re.DOTALL).match(text, first)
    mark = value[1] if value else b""
    between = re.compile(_ENDS.get(mark, rb"") + rb'(?<!\s)\s*+(,)\s*+(?=")')
    for cut, place in _cuts(text, first, between, b"{}", size):
        yield cut
        first = place
    yield orjson.loads(b"{" + text[first:])


def after_blanks(text: bytes, start: int) -> int:
    """Give the place of the next character that is not blank."""
    found = _BLANK.match(text, start)
    return found.end() if found else len(text)


def _cuts(text: bytes, first: int, between: re.Pattern[bytes], brackets: bytes, size: int) -> Iterator[tuple[Any, int]]:
    """Give what lies in each slice, and where the next one begins; what is left at the end is no slice."""
    step, tries = size, 0
    guess = between.search(text, first + step)
    while guess and step <= size << _MOST_DOUBLINGS:
        try:
            cut = orjson.loads(brackets[:1] + text[first : guess.start(1)] + brackets[1:])
        except orjson.JSONDecodeError:
            tries += 1
            step = step * 2 if tries % _TRIES == 0 else step
            guess = between.search(text, max(first + step, guess.end()) if tries % _TRIES == 0 else guess.end())
            continue
        yield cut, guess.end()
        first, step, tries = guess.end(), size, 0
        guess = between.search(text, first + step)
