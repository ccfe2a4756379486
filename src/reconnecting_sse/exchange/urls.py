"""The URL that is asked for, and what counts as one origin."""

from __future__ import annotations

import re
from typing import Any, cast

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS, authority
from reconnecting_sse.core.errors import redacted, shortened
from reconnecting_sse.transports.host import flaw_of

# Parsers of browsers, and httpxr's, take what follows for the host all the same.
_NO_HOST = re.compile(r"\s*\w+:(?!//[^/?#\\])")


class ImpossibleURL(httpxr.InvalidURL, ValueError):
    """A URL that nobody can ever be asked for, whatever happens to the network."""


def origin(url: httpxr.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default one spelled out."""
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def authority_of(url: httpxr.URL) -> str:
    """Host and port of an http or https URL, the default one spelled out."""
    return authority(url.host, url.port or DEFAULT_PORTS[url.scheme])


def with_base(text: str, base: httpxr.URL) -> str:
    """A relative URL as it will be asked for; any other as it is.

    Raises:
        ImpossibleURL: There is none to ask for.
    """
    return text if _parsed(text).scheme else str(_absolute(text, base))


def url_of(text: str, base: httpxr.URL, *params: Any) -> httpxr.URL:
    """The absolute URL, with all these parameters after its own query.

    Raises:
        ImpossibleURL: It is not an absolute http or https URL.
    """
    url = _absolute(text, base)
    for added in params:
        url = _with_params(url, added)
    return url


def _absolute(text: str, base: httpxr.URL) -> httpxr.URL:
    url = _parsed(text)
    is_relative = not url.scheme and not url.host and not text.startswith("//")
    if is_relative and str(base):
        # As in httpx: a relative URL goes below the base's path, a leading slash too.
        root = str(cast("Any", base).copy_with(query=None, fragment=None))
        url = _parsed(f"{root.rstrip('/')}/{text.lstrip('/')}")
    if url.scheme not in DEFAULT_PORTS or not url.host or _NO_HOST.match(text):
        raise ImpossibleURL(
            f"{redacted(text)!r} is not an absolute http or https URL;"
            " write it as https://host/path, or give the client a base_url="
        )
    if flaw := flaw_of(url):
        raise ImpossibleURL(f"{redacted(text)!r} is no URL: {flaw}")
    return url


def _parsed(text: str) -> httpxr.URL:
    try:
        return httpxr.URL(text)
    except httpxr.InvalidURL as error:
        # httpxr's message may quote the userinfo.
        reason = "" if "@" in text else f": {shortened(str(error))}"
        raise ImpossibleURL(f"{redacted(text)!r} is no URL{reason}") from None
    except TypeError:  # a str that is no text, as it is
        raise ImpossibleURL("the URL cannot be encoded as UTF-8") from None


def _with_params(url: httpxr.URL, params: Any) -> httpxr.URL:
    """The URL with ``params`` after its own query, which keeps its spelling."""
    added = str(httpxr.QueryParams(params)) if params else ""
    if not added:
        return url
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}&{added}" if query else added)
