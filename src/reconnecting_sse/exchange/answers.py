"""An httpxr response, as the core wants to know it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from reconnecting_sse.core.answer import Answer
from reconnecting_sse.core.cursor import LAST_EVENT_ID
from reconnecting_sse.core.headers import header_text
from reconnecting_sse.exchange.bodies import is_whole

if TYPE_CHECKING:
    import httpxr

DETOUR = "reconnecting_sse.detour"
"""Where a response's ``extensions`` carry what was left behind on the way to it."""


def answer_of(response: httpxr.Response, refusal: str = "") -> Answer:
    """An httpxr response as it is read: where httpxr holds its body, decoded."""
    headers = tuple(
        (name.decode("latin-1").lower(), header_text(value))
        for name, value in response.headers.raw
    )
    detour = cast("Any", response).extensions.get(DETOUR)  # not in httpxr's stubs
    answer = Answer(response.status_code, headers, refusal=refusal, detour=detour)
    with suppress(RuntimeError):  # httpxr's way to say that it has none
        request = response.request
        sent_id = LAST_EVENT_ID.value_in(request.headers.raw) or b""
        answer = replace(answer, url=str(request.url), id_bytes=len(sent_id))
    return answer.decoded() if is_whole(response) else answer
