"""Cookies as RFC 6265 says, on the standard library's jar."""

from __future__ import annotations

import copy
from http import cookiejar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast
from urllib.request import Request

import httpxr

from reconnecting_sse.core.headers import has_control, header_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.headers import Fields

_eff_request_host = cast("Any", cookiejar).eff_request_host  # not in the stubs


class Cookies:
    """The cookies of one exchange: the client's jar and the caller's own.

    A cookie without a domain belongs to the origin the exchange began at.
    """

    def __init__(self, jar: CookieJar, given: Any, home: httpxr.URL) -> None:
        self._jar = jar
        self._given = list(httpxr.Cookies(given).jar) if given else []
        # The jar's own name for the host: one without a dot ends in ".local".
        self._home = _eff_request_host(_request(home))[1]

    def header(self, url: httpxr.URL, own: Fields, *, is_trusted: bool) -> str | None:
        """The Cookie header for ``url``, None where it can stay as it is.

        Args:
            url: Where it is to be sent.
            own: The caller's own Cookie headers: they come first.
            is_trusted: Whether this is the origin; off it only the jar's own remain.
        """
        # strict: the default policy sends a host's own cookies to its subdomains, too.
        policy = DefaultCookiePolicy(
            strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain
        )
        strict = CookieJar(policy)
        for cookie in self._candidates(is_trusted=is_trusted):
            if not has_control(f"{cookie.name}={cookie.value}"):
                strict.set_cookie(cookie)
        request = _request(url)
        strict.add_cookie_header(request)
        kept = request.get_header("Cookie")
        values = [header_text(value) for _, value in own] + ([kept] if kept else [])
        return "; ".join(values) or None

    def _candidates(self, *, is_trusted: bool) -> Iterable[Any]:
        with cast("Any", self._jar)._cookies_lock:  # noqa: SLF001 (threads share it)
            stored = list(self._jar)
        for cookie in [*stored, *(self._given if is_trusted else ())]:
            if cookie.domain.startswith("."):
                yield _copied(cookie, domain_specified=True)
            elif cookie.domain:
                yield cookie
            elif is_trusted:
                yield _copied(cookie, domain=self._home)

    def store(self, response: httpxr.Response, url: httpxr.URL) -> None:
        """Put what the response sets into the client's jar."""
        for name, value in response.headers.raw:
            # RFC 6265bis, section 5.6: with a control character it is ignored.
            if name.lower() == b"set-cookie" and not has_control(value):
                # One by one: together, the jar drops what expires before it adds.
                answer = cast("Any", _Answer([header_text(value)]))
                self._jar.extract_cookies(answer, _request(url))


def _request(url: httpxr.URL) -> Request:
    return Request(str(url))  # noqa: S310  (never opened)


def _copied(cookie: Any, **changes: Any) -> Any:
    copied = copy.copy(cookie)
    vars(copied).update(changes)
    return copied


class _Answer:
    """As much of a response as the jar looks at."""

    def __init__(self, values: list[str]) -> None:
        self._values = values

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._values if name == "Set-Cookie" else default
