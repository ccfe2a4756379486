"""The standard's parser, word for word and for the whole byte string at once.

WHATWG HTML 9.2.5 (parsing) and 9.2.6 (interpretation), as slow and as literal as they
read. What the decoder does is right if it cannot be told apart from this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ANY_LINE_END = re.compile("\r\n|\n|\r")
ASCII_DIGITS = re.compile("[0-9]+")


@dataclass
class Outcome:
    events: list = field(default_factory=list)
    last_event_id: str = ""
    retry_ms: int | None = None


def name_and_value(line: str) -> tuple[str, str]:
    if ":" not in line:
        return line, ""
    name, value = line.split(":", 1)
    return name, value[1:] if value[:1] == " " else value


def interpret(stream: bytes, last_event_id: str = "") -> Outcome:
    """Events as ``(event, data, id, retry)``; the ID and retry as committed."""
    # "UTF-8 decode": strip one BOM, then decode with replacement.
    text = stream.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    # "Once the end of the file is reached, any pending data must be discarded."
    lines = ANY_LINE_END.split(text)[:-1]
    outcome = Outcome(last_event_id=last_event_id)
    data, event_type, id_buffer, retry = "", "", last_event_id, None
    for line in lines:
        if line == "":
            # "Dispatch the event": set the ID, then return if the data is empty.
            outcome.last_event_id = id_buffer
            if data != "":
                data = data.removesuffix("\n")
                name = event_type or "message"
                outcome.events.append((name, data, id_buffer, retry))
            data, event_type, retry = "", "", None
            continue
        if line[0] == ":":
            continue
        name, value = name_and_value(line)
        if name == "event":
            event_type = value
        elif name == "data":
            data += value + "\n"
        elif name == "id":
            if "\0" not in value:
                id_buffer = value
        elif name == "retry" and ASCII_DIGITS.fullmatch(value):
            outcome.retry_ms = retry = int(value)
    return outcome
