"""What a server says about its refusal, in a line that is safe to show."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse._answer import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconnecting_sse import StreamError

_LONGEST = 200

_SHORTEST_SECRET = 4
"""Characters; shorter words are in any text, and without them it would be garbled."""

_BETWEEN_WORDS = re.compile(r"[\s,;=\"]+")
_AUTH_SCHEMES = {"Basic", "Bearer", "Digest", "Token"}


def explanation(error: StreamError, secrets: Iterable[str]) -> str:
    """The first line of the error's body without the secrets, or an empty string."""
    lines = error.body.decode("utf-8", "replace").strip().splitlines()
    is_html = Answer(0, error.headers).content_type == "text/html"
    if not lines or is_html:  # whose first line explains nothing
        return ""
    # A server may well repeat what it was sent, and what commands a terminal.
    line = _without(secrets, lines[0])
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, "***")
    return text


def secrets_in(url: str, headers: Sequence[tuple[str, str]]) -> set[str]:
    """What a request has that is never shown: login, query values, header values."""
    asked: Any = httpxr.URL(url)  # whose stubs lack most of it
    login = f"{asked.username}:{asked.password or ''}"
    pairs = (pair.partition("=") for pair in asked.query.decode().split("&"))
    found = {
        *asked.userinfo.decode().split(":", 1),
        *login.split(":", 1),
        b64encode(login.encode()).decode(),
        *(value for _, _, value in pairs),
        *(value for _, value in asked.params.multi_items()),
        *(word for _, value in headers for word in _BETWEEN_WORDS.split(value)),
    }
    return {word for word in found - _AUTH_SCHEMES if len(word) >= _SHORTEST_SECRET}
