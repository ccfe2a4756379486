"""Cookies as RFC 6265 says, on the standard library's jar."""

from __future__ import annotations

import copy
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast
from urllib.request import Request

import httpxr

from reconnecting_sse.core.headers import has_control, header_text, named
from reconnecting_sse.exchange import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.cookiejar import Cookie

    from reconnecting_sse.core.headers import Fields

# How often a jar that other threads fill meanwhile may not be looked through: each
# time takes microseconds, in which another thread would have to run.
_PATIENCE = 100


class Cookies:
    """The cookies of one exchange: the client's jar and the caller's own.

    A cookie without a domain belongs to the origin the exchange began at.
    """

    def __init__(self, jar: CookieJar, given: Any, home: httpxr.URL) -> None:
        self._jar = jar
        self._given = list(httpxr.Cookies(given).jar) if given else []
        self._home = home

    @property
    def has_own(self) -> bool:
        """Whether there are any that belong to the home origin alone."""
        return bool(self._given) or not all(c.domain for c in _all_of(self._jar))

    def header(
        self, url: httpxr.URL, own: Fields, *, is_trusted: bool, is_home: bool = True
    ) -> str | None:
        """The Cookie header for ``url``, None where it can stay as it is.

        Args:
            url: Where it is to be sent.
            own: The caller's own Cookie headers: they come first.
            is_trusted: Whether it may have what is the caller's; or else only the
                jar's own remain.
            is_home: Whether the exchange began there; another origin that is trusted
                has what belongs to that one, too.
        """
        owner = self._home if is_home else url
        sendable = [
            cookie
            for cookie in self._candidates(owner if is_trusted else None)
            if not has_control(f"{cookie.name}={cookie.value}")
        ]
        kept = _within_bounds(sendable, url) if sendable else None
        values = [header_text(value) for _, value in own] + ([kept] if kept else [])
        return "; ".join(values) or None

    def _candidates(self, owner: httpxr.URL | None) -> Iterable[Cookie]:
        """All there are; ``owner`` is whose those without a domain are, if anyone's."""
        domain = ""
        for cookie in [*_all_of(self._jar), *(self._given if owner else [])]:
            if cookie.domain.startswith("."):
                yield _copied(cookie, domain_specified=True)
            elif cookie.domain:
                yield cookie
            elif owner:
                domain = domain or _domain_of(owner)
                yield _copied(cookie, domain=domain)

    def store(self, response: httpxr.Response, url: httpxr.URL) -> None:
        """Put what the response sets into the client's jar, within bounds."""
        given = named(response.headers.raw, b"Set-Cookie")
        for _, value in given:
            # RFC 6265bis, section 5.6: with a control character it is ignored.
            if not has_control(value) and len(value) <= bounds.COOKIE_BYTES:
                # One by one: together, the jar drops what expires before it adds.
                self._set(header_text(value), url)
        for cookie in bounds.surplus(_all_of(self._jar)) if given else ():
            with suppress(KeyError):  # another thread was faster
                self._jar.clear(cookie.domain, cookie.path, cookie.name)

    def _set(self, value: str, url: httpxr.URL) -> None:
        request = _request(url)
        for cookie in self._jar.make_cookies(_answer(value), request):
            if not bounds.is_part_of_an_address(cookie, url.host):
                bounds.use([cookie])
                self._jar.set_cookie_if_ok(cookie, request)


def _all_of(jar: CookieJar) -> list[Cookie]:
    """The jar's cookies, though other threads may fill it: its lock is its own."""
    for _ in range(_PATIENCE):
        with suppress(RuntimeError):  # it changed while it was looked through
            return list(jar)
    return list(jar)


def _within_bounds(cookies: list[Cookie], url: httpxr.URL) -> str | None:
    """The cookies that belong to the URL, and that a request has room for."""
    value = _fitting(cookies, url)
    if value is not None and len(value) > bounds.REQUEST_BYTES:
        sizes = ((cookie, len(_fitting([cookie], url) or "")) for cookie in cookies)
        cookies = bounds.with_room([pair for pair in sizes if pair[1]])
        value = _fitting(cookies, url)
    sent = {pair.partition("=")[0] for pair in (value or "").split("; ")}
    bounds.use(c for c in cookies if c.name in sent and bounds.is_a_server_s(c))
    return value


def _fitting(cookies: Iterable[Cookie], url: httpxr.URL) -> str | None:
    """The cookies that belong to the URL, as a header's value."""
    # strict: the default policy sends a host's own cookies to its subdomains, too.
    policy = DefaultCookiePolicy(
        strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain
    )
    jar = CookieJar(policy)
    for cookie in cookies:
        jar.set_cookie(cookie)
    request = _request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def _domain_of(url: httpxr.URL) -> str:
    """The jar's own name for the host: one without a dot ends in ".local"."""
    (cookie,) = CookieJar().make_cookies(_answer("n=v"), _request(url))
    return cookie.domain


def _request(url: httpxr.URL) -> Request:
    # The jar would take a login in it for part of the host.
    bare = cast("Any", url).copy_with(userinfo=b"")
    return Request(str(bare))  # noqa: S310  (never opened)


def _copied(cookie: Cookie, **changes: Any) -> Cookie:
    copied = copy.copy(cookie)
    vars(copied).update(changes)
    return copied


def _answer(set_cookie: str) -> Any:
    return cast("Any", _Answer([set_cookie]))


class _Answer:
    """As much of a response as the jar looks at."""

    def __init__(self, values: list[str]) -> None:
        self._values = values

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._values if name == "Set-Cookie" else default
