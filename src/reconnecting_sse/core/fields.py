"""What the lines of a block mean."""

from __future__ import annotations

import codecs
import re
from io import BytesIO
from typing import TypeVar

_RETRY_DIGITS = 100

RETRY_CEILING_MS = 10**_RETRY_DIGITS
"""What a larger ``retry`` counts as: int() refuses, or crawls over, endless digits."""

COMMENT_BYTES = 64 * 1024
"""How much of one comment ``on_comment`` is handed."""

INITIALS = frozenset("deir")
"""What the names of fields begin with; a line that does not costs no more than that."""

INITIALS_HEARD = INITIALS | {":"}
"""The same where comments are heard."""

_LONG_COMMENT = re.compile(rb"\n:[ ]?+([^\n]{%d})[^\n]++" % COMMENT_BYTES)

_Line = TypeVar("_Line", bytes, bytearray)

_utf8_decoder = codecs.getincrementaldecoder("utf-8")

# From here on comments are split off together: 0.1 µs each, and alone four times that.
_LONG_BLOCK = 64

# A plain tuple: making a named one takes as long as reading two lines.
Fields = tuple[str | None, str | None, str | None, int | None, list[str]]
"""ID, type, data and ``retry``, each None where there is none that counts; comments."""


def fields_in(text: str, initials: frozenset[str]) -> Fields:  # noqa: C901  (one each)
    """What lines say, none of which is blank: of all but data the last one counts.

    Args:
        text: The lines.
        initials: What those that are looked at begin with.
    """
    new_id = event = retry = None
    values: list[str] = []
    comments: list[str] = []
    if initials is INITIALS_HEARD and len(text) > _LONG_BLOCK:
        comments, initials = comments_in(text), INITIALS
        if len(comments) > text.count("\n"):  # there is nothing else
            return None, None, None, None, comments
    for line in text.split("\n"):
        if line[0] not in initials:
            continue
        name, _, value = line.partition(":")
        if value and value[0] == " ":
            value = value[1:]
        if name == "data":
            values.append(value)
        elif name == "id":
            if "\0" not in value:
                new_id = value
        elif name == "event":
            event = value
        elif name == "retry":
            retry = milliseconds(value, retry)
        elif not name:
            comments.append(value)
    data = "\n".join(values) if values else None
    return new_id, event, data, retry, comments


def milliseconds(digits: str, otherwise: int | None) -> int | None:
    """The number, or the ceiling; of any length, in linear time."""
    if not (digits.isascii() and digits.isdigit()):
        return otherwise
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _RETRY_DIGITS else RETRY_CEILING_MS


def comments_in(text: str) -> list[str]:
    """The comments among the lines of a text."""
    text = "\n" + text
    _, *texts = text.replace("\n: ", "\n:").split("\n:")
    if len(texts) == text.count("\n"):  # there is nothing else
        return texts
    return [text.partition("\n")[0] for text in texts]


def with_short_comments(lines: bytes) -> bytes:
    """The lines, with as much of each comment as is handed out."""
    if len(lines) <= COMMENT_BYTES:
        return lines
    return _LONG_COMMENT.sub(_shortened, b"\n" + lines)[1:]


def _shortened(comment: re.Match[bytes]) -> bytes:
    # A character that the limit cuts is left out.
    return b"\n: " + _utf8_decoder("replace").decode(comment[1]).encode()


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a text that ends with LF, without it."""
    # split() would look at each byte: 46 µs for a line of 100 KiB, and this takes 5.
    return [line[:-1] for line in BytesIO(text)]


def value_of(line: _Line, name_bytes: int) -> _Line:
    """What follows the name's colon, and the space after that."""
    start = name_bytes + 1
    # Copied once only: it may be large.
    return line[start + 1 :] if line.startswith(b" ", start) else line[start:]


def text_of(value: bytes | bytearray) -> str:
    """Invalid bytes become U+FFFD."""
    return value.decode("utf-8", "replace")
