"""One hop of an exchange, as often as its auth flow wants it sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.answer import is_among
from reconnecting_sse.core.callers import ask
from reconnecting_sse.exchange.answers import answer_of
from reconnecting_sse.exchange.auth import Flow
from reconnecting_sse.exchange.calls import Exchanged, Free, InThread, ReadAll, Send
from reconnecting_sse.exchange.urls import origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.exchange.calls import Call, Steps
    from reconnecting_sse.exchange.errand import Errand
    from reconnecting_sse.exchange.hop import Hop


class Leg:
    """A hop's requests; ``steps`` is the generator."""

    def __init__(self, hop: Hop, errand: Errand) -> None:
        self._hop = hop
        self._errand = errand
        self._request = hop.build(errand.extensions)
        # The Cookie header as it was last set here.
        self._cookie: str | None = self._request.headers.get("cookie")

    def steps(self) -> Steps:
        """Everything up to the answer that the auth flow leaves as it is."""
        request, auth = self._request, self._errand.auth
        self._renew_cookies(request)
        if auth is None or not self._hop.is_trusted:
            return (yield from self._sent(request))
        flow = yield partial(Flow, auth, request, is_async=self._errand.is_async)
        return (yield from _or_else(flow.close, self._by_flow(flow)))

    # ------------------------------------------------------------------ auth

    def _by_flow(self, flow: Flow) -> Steps:
        request = yield _call_of(flow, flow.first)
        while True:
            ask(self._complete, request)
            exchanged = yield from self._sent(request)
            followed = _followed_up(flow, exchanged, self._errand.streams)
            free = Free(exchanged.response)
            exchanged, request = yield from _or_else(free, followed)
            if request is None:
                return exchanged
            yield Free(exchanged.response)

    def _complete(self, request: httpxr.Request) -> None:
        """Give a request that the flow has made what every hop's request has."""
        given = self._hop.extensions(self._errand.extensions, request.url)
        for name, value in given.items():
            cast("Any", request).extensions.setdefault(name, value)
        self._renew_cookies(request)

    def _renew_cookies(self, request: httpxr.Request) -> None:
        """Set the Cookie header anew, unless a flow or a hook has made its own."""
        hop, headers = self._hop, request.headers
        is_home = origin(request.url) == origin(hop.url)
        if not is_home or headers.get("cookie") != self._cookie:
            return
        value = self._errand.cookies.header(
            request.url,
            hop.cookies,
            is_trusted=hop.is_trusted,
            is_home=hop.is_home(request.url),
        )
        if value is not None:
            headers["Cookie"] = value
        elif self._cookie is not None:
            del headers["Cookie"]
        self._cookie = value

    # ------------------------------------------------------------------ one request

    def _sent(self, request: httpxr.Request) -> Steps:
        """One request on one wire, with the client's hooks."""
        errand = self._errand
        for hook in errand.client.request_hooks:
            yield partial(hook, request)
        transport = ask(errand.transports.find, request.url)
        if not errand.transports.decodes(transport):
            request.headers.setdefault("Accept-Encoding", "identity")
        errand.trail.sends()
        try:
            response = yield Send(transport, request)
        except httpxr.HTTPError as error:
            errand.trail.fails(error)
            raise
        ask(_attach, response, request)
        yield from _or_else(Free(response), self._received(response, request))
        return Exchanged(response, transport)

    def _received(self, response: httpxr.Response, request: httpxr.Request) -> Steps:
        self._errand.cookies.store(response, request.url)
        for hook in self._errand.client.response_hooks:
            yield partial(hook, response)


def _or_else(cleanup: Call, steps: Steps) -> Steps:
    """The steps; if one of them raises, what they worked on is no longer needed."""
    try:
        return (yield from steps)
    except GeneratorExit:  # nobody makes calls any more: not even this one
        raise
    except BaseException:
        yield cleanup
        raise


def _followed_up(flow: Flow, exchanged: Exchanged, streams: frozenset[str]) -> Steps:
    """The answer as the flow was shown it, and the request it wants next."""
    response = exchanged.response
    if flow.wants_body and not _is_stream(response, streams):
        content = yield ReadAll(response)
        yield Free(response)
        exchanged = Exchanged(_buffered(response, content), exchanged.transport)
    request = yield _call_of(flow, partial(flow.next, exchanged.response))
    return exchanged, request


def _is_stream(response: httpxr.Response, streams: frozenset[str]) -> bool:
    is_ok = response.status_code == 200  # noqa: PLR2004
    return is_ok and is_among(answer_of(response).content_type, streams)


def _attach(response: httpxr.Response, request: httpxr.Request) -> None:
    """Let a foreign transport's response know its request: hooks ask for it."""
    try:
        _ = response.request
    except RuntimeError:  # httpxr's way to say that it has none
        response.request = request


def _buffered(response: httpxr.Response, content: bytes) -> httpxr.Response:
    return httpxr.Response(
        response.status_code,
        headers=cast("Any", response.headers.raw),
        content=content,
        request=response.request,
        extensions=response.extensions,
    )


def _call_of(flow: Flow, step: Callable[[], Any]) -> Call:
    return InThread(step) if flow.blocks else step
