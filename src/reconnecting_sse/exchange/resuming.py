"""The request of an attempt, with the position in it as the feed's dialect has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.callers import CallersError, ask
from reconnecting_sse.core.cursor import ByBody, ByFunction, ByHeader, ByUrl
from reconnecting_sse.core.dialect import filled
from reconnecting_sse.core.headers import without
from reconnecting_sse.exchange.request import StreamRequest, fields_of
from reconnecting_sse.transports.host import parsed

if TYPE_CHECKING:
    from reconnecting_sse.core.dialect import Dialect


def resuming(request: StreamRequest, dialect: Dialect, position: str) -> StreamRequest:
    """The request that asks for what follows the position; an empty one, for all.

    Raises:
        CallersError: The caller's own function raised, or gave no request.
    """
    way = dialect.way
    if position and dialect.once:
        request = _without(request, dialect.once)
    if isinstance(way, ByHeader):
        return replace(request, position=position, way=way)
    if isinstance(way, ByFunction):
        return _as_the_caller_says(request, dialect, position)
    request = replace(request, position="")  # nothing else carries it
    if not position:
        return request
    if isinstance(way, ByUrl):
        return replace(request, url=filled(way.name, position))
    if isinstance(way, ByBody):
        return replace(request, body=_with_field(request.body, way.name, position))
    return request.with_params({way.name: position})


def _as_the_caller_says(
    request: StreamRequest, dialect: Dialect, position: str
) -> StreamRequest:
    if not position:
        return request
    made = ask(cast("Any", dialect.resume), request, position)
    if not isinstance(made, StreamRequest):
        given = type(made).__name__
        message = f"resume= must return the StreamRequest to send, not {given}"
        raise CallersError(TypeError(message))
    return made


def _with_field(body: Mapping[str, Any], name: str, value: str) -> Mapping[str, Any]:
    document = body.get("json")
    if not isinstance(document, Mapping):
        message = "by_body() puts the position into an object that is given as json="
        raise CallersError(TypeError(message))
    return {"json": {**document, name: value}}


def _without(request: StreamRequest, names: tuple[str, ...]) -> StreamRequest:
    """The request without the parameters and headers of these names."""
    given = httpxr.QueryParams(request.params or ()).multi_items()
    fields, url = fields_of(request.headers), cast("Any", parsed(request.url))
    for name in names:
        fields = without(fields, name.encode())
        if name in url.params:
            url = url.copy_remove_param(name)
    return replace(
        request,
        url=str(url),
        params=[pair for pair in given if pair[0] not in names],
        headers=httpxr.Headers(cast("Any", fields)),
    )
