"""The URL that is asked for, and what counts as one origin."""

from __future__ import annotations

from typing import Any, cast

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS, authority
from reconnecting_sse.core.errors import redacted, shortened


def origin(url: httpxr.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default one spelled out."""
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def authority_of(url: httpxr.URL) -> str:
    """Host and port of an http or https URL, the default one spelled out."""
    return authority(url.host, url.port or DEFAULT_PORTS[url.scheme])


def with_base(text: str, base: httpxr.URL) -> str:
    """A relative URL as it will be asked for; any other, or none, as it is."""
    try:
        return text if _parsed(text).scheme else str(_absolute(text, base))
    except (ValueError, httpxr.InvalidURL):  # who asks for it is told
        return text


def url_of(text: str, base: httpxr.URL, *params: Any) -> httpxr.URL:
    """The absolute URL, with all these parameters after its own query.

    Raises:
        ValueError: It is not an absolute http or https URL.
        httpxr.InvalidURL: It is no URL at all.
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
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise ValueError(
            f"{redacted(text)!r} is not an absolute http or https URL;"
            " write it as https://host/path, or give the client a base_url"
        )
    return url


def _parsed(text: str) -> httpxr.URL:
    try:
        return httpxr.URL(text)
    except httpxr.InvalidURL as error:
        # httpxr's message may quote the userinfo.
        reason = "" if "@" in text else f": {shortened(str(error))}"
        raise httpxr.InvalidURL(f"{redacted(text)!r} is no URL{reason}") from None


def _with_params(url: httpxr.URL, params: Any) -> httpxr.URL:
    """The URL with ``params`` after its own query, which keeps its spelling."""
    added = str(httpxr.QueryParams(params)) if params else ""
    if not added:
        return url
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}&{added}" if query else added)
