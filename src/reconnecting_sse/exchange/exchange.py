"""One exchange: from a request to a live response, by way of auth and redirects.

A pure generator: it yields the calls to make, and is sent their results; a sync and
an async runner make them. Only ``Send`` calls a wire.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.answer import EVENT_STREAM
from reconnecting_sse.core.callers import CallersError, ask
from reconnecting_sse.core.documents import LINES
from reconnecting_sse.exchange.answers import answer_of
from reconnecting_sse.exchange.auth import Flow, auth_of
from reconnecting_sse.exchange.calls import Exchanged, Free, InThread, ReadAll, Send
from reconnecting_sse.exchange.cookies import Cookies
from reconnecting_sse.exchange.hop import Hop, first_hop, origin
from reconnecting_sse.exchange.request import StreamRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconnecting_sse.exchange.calls import Call, Steps
    from reconnecting_sse.exchange.client import ClientSettings, Transports

MAX_REDIRECTS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STREAMS = LINES | {EVENT_STREAM}  # whose bodies may never end


class Exchange:
    """The parts of one exchange; ``run`` is the generator.

    Attributes:
        has_sent: Whether a server may have seen a request of it.
        has_acted: Whether one has acted, whatever became of the redirect.
        is_answered: Whether its last request was answered.
        method: The first request's.
    """

    def __init__(
        self,
        client: ClientSettings,
        transports: Transports,
        *,
        extensions: Mapping[str, Any],
        is_async: bool,
    ) -> None:
        self.has_sent = False
        self.has_acted = False
        self.is_answered = False
        self.method = ""
        self._client = client
        self._transports = transports
        self._extensions = dict(extensions)
        self._is_async = is_async
        self._cookie: str | None = None  # the Cookie header as it was last set here
        self._follows: bool
        self._hop: Hop
        self._auth: Any
        self._cookies: Cookies

    def _begin(self, request: StreamRequest) -> None:
        self._follows = request.follow_redirects
        self._extensions.update(request.extensions)
        self._hop = first_hop(request, self._client)
        self.method = self._hop.method
        self._auth = auth_of(request, self._client, self._hop.url)
        self._cookies = Cookies(self._client.jar, request.cookies, self._hop.url)

    def run(
        self, request: StreamRequest, prepare: Callable[[], Any] | None = None
    ) -> Steps:
        """Everything up to the response that is not followed any further.

        Args:
            request: What to send.
            prepare: Gives another request to send in its place.
        """
        if prepare is not None:
            request = yield prepare
            if not isinstance(request, StreamRequest):
                given = type(request).__name__
                message = f"prepare= must return the StreamRequest to send, not {given}"
                raise CallersError(TypeError(message))
        ask(self._begin, request)
        for _ in range(MAX_REDIRECTS):
            exchanged = yield from self._authenticated()
            target, refusal = self._target(exchanged.response)
            if target is None:
                return Exchanged(exchanged.response, exchanged.transport, refusal)
            yield Free(exchanged.response)
            status = exchanged.response.status_code
            hop = self._hop.redirected(status, target)
            # An answer that tells where the result is: what was asked for is done.
            self.has_acted = self.has_acted or hop.method != self._hop.method
            self._hop = hop
        exchanged = yield from self._authenticated()
        target, refusal = self._target(exchanged.response)
        if target is not None:
            refusal = f"more than {MAX_REDIRECTS} redirects; is there a loop?"
        return Exchanged(exchanged.response, exchanged.transport, refusal)

    # ------------------------------------------------------------------ redirects

    def _target(self, response: httpxr.Response) -> tuple[httpxr.URL | None, str]:
        """Where the response redirects to, or why it does not."""
        if response.status_code not in _REDIRECTS or not self._follows:
            return None, ""
        location = response.headers.get("location")
        if not location:
            return None, "a redirect without a Location"
        here = self._hop.url
        try:
            target = here.join(location)
        except (httpxr.InvalidURL, ValueError):  # httpxr's join raises either
            return None, "a redirect to something that is no URL"
        if target.scheme not in ("http", "https") or not target.host:
            return None, f"a redirect to the scheme {target.scheme!r}, which is refused"
        if here.scheme == "https" and target.scheme == "http":
            return None, "a redirect from https to http, which is refused"
        return target, ""

    # ------------------------------------------------------------------ auth

    def _authenticated(self) -> Steps:
        """One hop, as often as its auth flow wants it sent."""
        request = self._hop.build(self._extensions)
        self._cookie = request.headers.get("cookie")
        self._renew_cookies(request)
        if self._auth is None or not self._hop.is_trusted:
            return (yield from self._sent(request))
        flow = yield partial(Flow, self._auth, request, is_async=self._is_async)
        return (yield from _or_else(flow.close, self._by_flow(flow)))

    def _by_flow(self, flow: Flow) -> Steps:
        """One hop's requests as the auth flow makes them."""
        request = yield _call_of(flow, flow.first)
        while True:
            self._complete(request)
            exchanged = yield from self._sent(request)
            followed = self._followed_up(flow, exchanged)
            free = Free(exchanged.response)
            exchanged, request = yield from _or_else(free, followed)
            if request is None:
                return exchanged
            yield Free(exchanged.response)

    def _complete(self, request: httpxr.Request) -> None:
        """Give a request that the flow has made what every hop's request has."""
        extensions = cast("Any", request).extensions
        for name, value in self._extensions.items():
            extensions.setdefault(name, value)
        self._renew_cookies(request)

    def _followed_up(self, flow: Flow, exchanged: Exchanged) -> Steps:
        """The answer as the flow was shown it, and the request it wants next."""
        response = exchanged.response
        if flow.wants_body and not _is_stream(response):
            content = yield ReadAll(response)
            yield Free(response)
            exchanged = Exchanged(_buffered(response, content), exchanged.transport)
        request = yield _call_of(flow, partial(flow.next, exchanged.response))
        return exchanged, request

    def _renew_cookies(self, request: httpxr.Request) -> None:
        """Set the Cookie header anew, unless a flow or a hook has made its own."""
        headers = request.headers
        is_home = origin(request.url) == origin(self._hop.url)
        if not is_home or headers.get("cookie") != self._cookie:
            return
        value = self._cookies.header(
            request.url, self._hop.cookies, is_trusted=self._hop.is_trusted
        )
        if value is not None:
            headers["Cookie"] = value
        elif self._cookie is not None:
            del headers["Cookie"]
        self._cookie = value

    # ------------------------------------------------------------------ one request

    def _sent(self, request: httpxr.Request) -> Steps:
        """One request on one wire, with the client's hooks."""
        for hook in self._client.request_hooks:
            yield partial(hook, request)
        transport = ask(self._transports.find, request.url)
        if not self._transports.decodes(transport):
            request.headers.setdefault("Accept-Encoding", "identity")
        self.has_sent, self.is_answered = True, False
        response = yield Send(transport, request)
        self.is_answered = True
        _attach(response, request)
        yield from _or_else(Free(response), self._received(response, request))
        return Exchanged(response, transport)

    def _received(self, response: httpxr.Response, request: httpxr.Request) -> Steps:
        self._cookies.store(response, request.url)
        for hook in self._client.response_hooks:
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


def _is_stream(response: httpxr.Response) -> bool:
    content_type = answer_of(response).content_type
    return response.status_code == 200 and content_type in _STREAMS  # noqa: PLR2004


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
