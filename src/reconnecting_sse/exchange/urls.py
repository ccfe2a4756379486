"""The URL that is asked for, and what counts as one origin."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, cast

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS, bracketed
from reconnecting_sse.core.errors import redacted, shortened
from reconnecting_sse.transports.host import flaw_of, other_name, parsed

# Parsers of browsers, and httpxr's, take what follows for the host all the same.
_NO_HOST = re.compile(r"\s*\w+:(?!//[^/?#\\])")


class ImpossibleURL(httpxr.InvalidURL, ValueError):
    """A URL that nobody can ever be asked for, whatever happens to the network."""


Origin = tuple[str, str, int | None]


def origin(url: httpxr.URL) -> Origin:
    """Scheme, host and port, the default one spelled out."""
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def named_origin(text: str) -> Origin:
    """The origin that a caller means.

    Raises:
        ValueError: It is none, or more than one.
    """
    with suppress(ImpossibleURL):
        url: Any = _absolute(text, httpxr.URL(""))
        if (url.raw_path, url.userinfo, url.fragment) == (b"/", b"", ""):
            return origin(url)
    raise ValueError(
        f"trusted_origins= names {redacted(text)!r}, which is no origin; write it as"
        " https://host or https://host:port"
    )


def shown_origin(of: Origin) -> str:
    """The origin as a URL, its default port left out."""
    scheme, host, port = of
    ends = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{bracketed(host)}{ends}"


def with_base(text: str, base: httpxr.URL) -> str:
    """A relative URL as it will be asked for; any other as it is.

    Raises:
        ImpossibleURL: There is none to ask for.
    """
    return text if checked(text).scheme else str(_absolute(text, base))


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
    url = checked(text)
    is_relative = not url.scheme and not url.host and not text.startswith("//")
    if is_relative and str(base):
        # As in httpx: a relative URL goes below the base's path, a leading slash too.
        root = str(cast("Any", base).copy_with(query=None, fragment=None))
        url = checked(f"{root.rstrip('/')}/{text.lstrip('/')}")
    if url.scheme not in DEFAULT_PORTS or not url.host or _NO_HOST.match(text):
        raise ImpossibleURL(
            f"{redacted(text)!r} is not an absolute http or https URL;"
            " write it as https://host/path, or give the client a base_url="
        )
    if flaw := flaw_of(url):
        raise ImpossibleURL(f"{redacted(text)!r} is no URL: {flaw}")
    return url


def checked(text: str) -> httpxr.URL:
    """The URL.

    Raises:
        ImpossibleURL: It is none; it says why, and what to do.
    """
    try:
        return parsed(text)
    except httpxr.InvalidURL as error:
        # httpxr's message may quote the userinfo.
        reason = "" if "@" in text else f": {shortened(str(error))}"
        message = f"{redacted(text)!r} is no URL{reason}{other_name(error)}"
    except TypeError:  # a str that is no text, as it is
        message = "the URL cannot be encoded as UTF-8"
    raise ImpossibleURL(message)


def _with_params(url: httpxr.URL, params: Any) -> httpxr.URL:
    """The URL with ``params`` after its own query, which keeps its spelling."""
    added = str(httpxr.QueryParams(params)) if params else ""
    if not added:
        return url
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}&{added}" if query else added)
