"""The numbered events: what they say, and how their bytes may look."""

from __future__ import annotations

_LONG = 101
_LINES = 3
_SEEN = 5

BOM = b"\xef\xbb\xbf"


def data_of(number):
    """The data of the event with this number: of every width UTF-8 has."""
    data = f"{number} Grüße, 世界 🎈"
    if number % _LINES == 0:
        data += f"\nsecond line of {number}\n"
    if number % _LONG == 0:
        data += " é🎈" * 200
    return data


def number_of(last_event_id):
    """The number of the last event that a client has; 0 without one."""
    return int(last_event_id.partition("/")[0] or 0)


def block(number):
    """An event as it is sent, its lines ended by LF; some have company."""
    lines = "".join(f"data: {line}\n" for line in data_of(number).split("\n"))
    text = f"id: {number}\n{lines}\n"
    if number % _SEEN == 0:
        # The cursor of a client that took it too early would skip the event.
        text += f"id: {number}/seen\n\n"
    if number % _LONG == 1:
        text += ": a comment, ünd 🎈\nunknown: field\nretry: 5\n\n"
    return text.encode()


def blocks(first, count, newline):
    """The events from ``first`` on, up to the ``count``-th."""
    for number in range(first, count + 1):
        yield block(number).replace(b"\n", newline)
