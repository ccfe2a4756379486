"""One exchange: from a request to a live response, by way of auth and redirects.

A pure generator: it yields the calls to make, and is sent their results; a sync and
an async runner make them. Only ``Send`` calls a wire.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from reconnecting_sse.core.answer import EVENTS, Detour
from reconnecting_sse.core.callers import CallersError, ask
from reconnecting_sse.core.documents import LINES
from reconnecting_sse.exchange.answers import DETOUR
from reconnecting_sse.exchange.auth import auth_of
from reconnecting_sse.exchange.calls import Free
from reconnecting_sse.exchange.cookies import Cookies
from reconnecting_sse.exchange.errand import Errand
from reconnecting_sse.exchange.hop import first_hop
from reconnecting_sse.exchange.leg import Leg
from reconnecting_sse.exchange.redirects import next_hop
from reconnecting_sse.exchange.request import StreamRequest, read_back, written
from reconnecting_sse.exchange.trail import Trail
from reconnecting_sse.exchange.urls import origin, shown_origin
from reconnecting_sse.transports.body import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpxr

    from reconnecting_sse.core.sent import Sent
    from reconnecting_sse.exchange.calls import Exchanged, Steps
    from reconnecting_sse.exchange.client import ClientSettings, Transports
    from reconnecting_sse.exchange.hop import Hop
    from reconnecting_sse.exchange.urls import Origin


class Exchange:
    """What one exchange is made from; ``steps`` is the generator.

    Args:
        request: What to send.
        client: The client's settings, at this moment.
        transports: The client's.
        extensions: They go with each request, below the request's own.
        is_async: Which face makes the calls.
        content_types: What is read as events.
        prepare: Gives another request to send in the place of the one it is given.
        admit: Called before each host is asked; gives what has to be awaited first.
    """

    def __init__(
        self,
        request: StreamRequest,
        client: ClientSettings,
        transports: Transports,
        *,
        extensions: Mapping[str, Any],
        is_async: bool,
        content_types: frozenset[str] = EVENTS,
        prepare: Callable[[StreamRequest], Any] | None = None,
        admit: Callable[[Origin], Any] | None = None,
    ) -> None:
        self._request = request
        self._client = client
        self._transports = transports
        self._extensions = extensions
        self._is_async = is_async
        self._streams = LINES | content_types
        self._prepare = prepare
        self._admit = admit
        self._trail = Trail(request.method)

    @property
    def sent(self) -> Sent:
        """What a server may have seen of it so far."""
        return self._trail.sent

    def steps(self) -> Steps:
        """Everything up to the response that is not followed any further."""
        request = self._request
        if self._prepare is not None:
            request = yield from _prepared(request, self._prepare)
        hop = ask(first_hop, request, self._client)
        errand = ask(self._errand, request, hop.url)
        follows = ask(bool, request.follow_redirects)
        self._trail.begins(hop.method)
        start = hop.url
        while True:
            if self._admit is not None:
                yield partial(self._admit, origin(hop.url))
            leg = ask(Leg, hop, errand)
            exchanged: Exchanged = yield from leg.steps()
            if not follows:
                return exchanged
            following, refusal = next_hop(hop, exchanged.response)
            if following is None:
                _note_detour(exchanged.response, start, hop, errand)
                return replace(exchanged, refusal=refusal)
            yield Free(exchanged.response)
            self._trail.leads_to(following.method)
            hop = following

    def _errand(self, request: StreamRequest, home: httpxr.URL) -> Errand:
        """What the request asks of all hops; the first one goes ``home``."""
        return Errand(
            client=self._client,
            transports=self._transports,
            auth=auth_of(request, self._client, home),
            cookies=Cookies(self._client.jar, request.cookies, home),
            extensions={LIVE: True, **self._extensions, **request.extensions},
            trail=self._trail,
            streams=self._streams,
            is_async=self._is_async,
        )


def _note_detour(
    response: httpxr.Response, start: httpxr.URL, hop: Hop, errand: Errand
) -> None:
    """Let the response tell if a redirect on the way to it left something behind."""
    was_given = hop.has_private or errand.auth is not None or errand.cookies.has_own
    if hop.strangers and was_given:
        strangers = tuple(map(shown_origin, hop.strangers))
        # The stubs do not know the attribute.
        cast("Any", response).extensions[DETOUR] = Detour(str(start), strangers)


def _prepared(request: StreamRequest, prepare: Callable[[StreamRequest], Any]) -> Steps:
    """The request that the caller makes of his own.

    Raises:
        CallersError: It is none.
    """
    prepared = yield partial(prepare, written(request))
    if not isinstance(prepared, StreamRequest):
        given = type(prepared).__name__
        message = f"prepare= must return the StreamRequest to send, not {given}"
        raise CallersError(TypeError(message))
    return ask(read_back, prepared)
