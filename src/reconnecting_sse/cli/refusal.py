"""What a server says about its refusal, in a line that is safe to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.errors import printable

if TYPE_CHECKING:
    from reconnecting_sse import StreamError

_LONGEST = 200


def explanation(error: StreamError) -> str:
    """The first line of the error's body, or an empty string."""
    lines = error.body.decode("utf-8", "replace").strip().splitlines()
    is_html = Answer(0, error.headers).content_type == "text/html"
    if not lines or is_html:  # whose first line explains nothing
        return ""
    line = printable(lines[0])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
