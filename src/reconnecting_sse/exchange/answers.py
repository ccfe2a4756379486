"""An httpxr response, as the core wants to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.headers import header_text

if TYPE_CHECKING:
    import httpxr


def answer_of(
    response: httpxr.Response, body: bytes = b"", refusal: str = ""
) -> Answer:
    """An httpxr response as the core wants to know it."""
    headers = tuple(
        (name.decode("latin-1").lower(), header_text(value))
        for name, value in response.headers.raw
    )
    try:
        url = str(response.request.url)
    except RuntimeError:  # httpxr's way to say that it has none
        url = ""
    return Answer(response.status_code, headers, body, refusal, url)
