"""httpxr's response, made of a head and a live body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpxr

from reconnecting_sse.transports.codings.codings import without_coding

if TYPE_CHECKING:
    from reconnecting_sse.transports.body import AsyncLiveBody, LiveBody
    from reconnecting_sse.transports.conversation import Answered


def response_of(
    request: httpxr.Request, answered: Answered, body: LiveBody | AsyncLiveBody
) -> httpxr.Response:
    """The response to ``request``, its body not read yet."""
    head = answered.head
    # httpxr's stubs know headers of text only; it keeps bytes as they are.
    fields: Any = without_coding(head.fields) if answered.is_decoded else head.fields
    return httpxr.Response(
        head.status,
        headers=fields,
        stream=body,
        request=request,
        extensions={"http_version": head.version, "reason_phrase": head.reason},
    )
