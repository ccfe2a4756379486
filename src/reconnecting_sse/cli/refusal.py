"""What a server says about its refusal, in a line that is safe to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.answer import Answer

if TYPE_CHECKING:
    from reconnecting_sse import StreamError

_LONGEST = 200


def explanation(error: StreamError) -> str:
    """The first line of the error's body, or an empty string."""
    lines = error.body.decode("utf-8", "replace").strip().splitlines()
    is_html = Answer(0, error.headers).content_type == "text/html"
    if not lines or is_html:  # whose first line explains nothing
        return ""
    # It may be what commands a terminal.
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in lines[0])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
