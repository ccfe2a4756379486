"""Auth objects, whatever face they were written for, as one kind of flow."""

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httpxr
from httpxr.extensions import OAuth2Auth

from reconnecting_sse.exchange.request import INHERIT

if TYPE_CHECKING:
    from reconnecting_sse.exchange.client import ClientSettings
    from reconnecting_sse.exchange.request import StreamRequest

_NOT_TO_USE = (
    getattr(httpxr.Auth, "sync_auth_flow", None),  # the base's does nothing
    # It awaits httpxr, which can abort a process that ends soon after.
    OAuth2Auth.async_auth_flow,
)


def auth_of(request: StreamRequest, client: ClientSettings, url: httpxr.URL) -> Any:
    """The auth in force: the request's, the client's, the URL's userinfo, or None."""
    auth = client.auth if request.auth is INHERIT else request.auth
    if auth is None and url.userinfo:
        return _userinfo(url)
    return httpxr.BasicAuth(*auth) if isinstance(auth, tuple) else auth


def _userinfo(url: httpxr.URL) -> Callable[[httpxr.Request], httpxr.Request]:
    user, _, password = bytes(url.userinfo).partition(b":")  # type: ignore[arg-type]
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    value = "Basic " + b64encode(pair).decode("ascii")

    def authorize(request: httpxr.Request) -> httpxr.Request:
        request.headers["Authorization"] = value
        return request

    return authorize


class Flow:
    """A flow's requests, one after the other; each method is a call to be made.

    The auth object's flows are looked for in this order: an overridden
    ``async_auth_flow`` (on the async face), an overridden ``auth_flow``, and
    ``sync_auth_flow``, which is all that Basic and Digest have; a plain callable
    turns one request into another. ``first`` and ``next`` may return awaitables.

    Attributes:
        wants_body: Whether it has to be handed responses whose bodies were read.
        blocks: Whether its calls may block their thread.

    Raises:
        TypeError: The object has no flow for this face.
    """

    def __init__(self, auth: Any, request: httpxr.Request, *, is_async: bool) -> None:
        self.wants_body: bool = bool(getattr(auth, "requires_response_body", False))
        self._name = type(auth).__name__
        self._flow: Any = flow_of(auth, is_async=is_async)(request)
        # httpxr's own fetches its token by a blocking call.
        is_plain = not isinstance(self._flow, AsyncGenerator)
        self.blocks: bool = is_plain and isinstance(auth, OAuth2Auth)

    def first(self) -> Any:
        """The first request to send.

        Raises:
            TypeError: The flow gives none.
        """
        flow = self._flow
        if isinstance(flow, AsyncGenerator):
            return self._first_of(flow)
        return self._begun(next(flow, None))

    def next(self, response: httpxr.Response) -> Any:
        """The request that follows ``response``, or None when the flow is done."""
        if isinstance(self._flow, AsyncGenerator):
            return self._next_of(self._flow, response)
        return self._checked(_sent(self._flow, response))

    def close(self) -> Any:
        """End the flow early: what it holds over a request is let go of."""
        if isinstance(self._flow, AsyncGenerator):
            return self._flow.aclose()
        return getattr(self._flow, "close", lambda: None)()

    async def _first_of(self, flow: AsyncGenerator[Any, Any]) -> Any:
        async for request in flow:
            return self._begun(request)
        return self._begun(None)

    async def _next_of(
        self, flow: AsyncGenerator[Any, Any], response: httpxr.Response
    ) -> Any:
        try:
            return self._checked(await flow.asend(response))
        except StopAsyncIteration:
            return None

    def _begun(self, request: Any) -> Any:
        if request is None:
            raise TypeError(f"the auth flow of {self._name} gave no request to send")
        return self._checked(request)

    def _checked(self, request: Any) -> Any:
        is_late = inspect.isawaitable(request)  # whoever runs it sees what it comes to
        if not (request is None or is_late or isinstance(request, httpxr.Request)):
            given = type(request).__name__
            raise TypeError(
                f"the auth flow of {self._name} gave {given}, not a request to send"
            )
        return request


def flow_of(auth: Any, *, is_async: bool) -> Callable[[httpxr.Request], Any]:
    """What of the object begins a flow on this face.

    Raises:
        TypeError: Nothing does.
    """
    name = _flows_name(auth, is_async=is_async)
    if name is not None:
        begin: Callable[[httpxr.Request], Any] = getattr(auth, name)
        return begin
    if callable(auth):
        return lambda request: map(auth, (request,))
    raise TypeError(
        f"auth= must be a (user, password) tuple, a callable or an httpxr.Auth with a"
        f" flow, not {type(auth).__name__}"
    )


def _flows_name(auth: Any, *, is_async: bool) -> str | None:
    has_plain = _overrides(auth, "auth_flow") or _overrides(auth, "sync_auth_flow")
    if _overrides(auth, "async_auth_flow"):
        if is_async:
            return "async_auth_flow"
        if not has_plain:
            raise TypeError(
                f"{type(auth).__name__} has only async_auth_flow: it needs an"
                " httpxr.AsyncClient"
            )
    if has_plain:
        return "auth_flow" if _overrides(auth, "auth_flow") else "sync_auth_flow"
    return None


def _overrides(auth: Any, name: str) -> bool:
    method = getattr(type(auth), name, None)
    return method is not None and all(method is not known for known in _NOT_TO_USE)


def _sent(flow: Any, response: httpxr.Response) -> Any:
    if not hasattr(flow, "send"):  # a plain iterator: it takes no answer
        return next(flow, None)
    try:
        return flow.send(response)
    except StopIteration:
        return None
