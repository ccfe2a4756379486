"""The URL that is given on the command line."""

from __future__ import annotations

import re

import click
import httpxr

from reconnecting_sse.core.errors import WITHOUT_AUTHORITY, redacted
from reconnecting_sse.core.headers import has_control
from reconnecting_sse.transports.host import flaw_of, other_name, parsed

_ONLY_A_SCHEME = re.compile(r"(https?([:/]|$)|$)", re.IGNORECASE)


def checked_url(text: str) -> str:
    """The text, if it is an absolute http or https URL.

    Raises:
        click.BadParameter: It is none; nothing that may be secret is repeated.
    """
    scheme, mark, rest = text.partition("://")
    if not mark and _ONLY_A_SCHEME.match(text):
        raise click.BadParameter("it is no URL; write it as https://host/path")
    if WITHOUT_AUTHORITY.match(text):
        shown = redacted(text)
        raise click.BadParameter(f"the scheme of {shown} is not http or https")
    if not mark:
        shown = _with_scheme(text)
        raise click.BadParameter(f"the scheme is missing; write {shown}, or http://")
    if scheme.lower() not in ("http", "https"):
        raise click.BadParameter("its scheme is not http or https")
    if not rest or rest[0] in "/?#":
        raise click.BadParameter("no host is named; write it as https://host/path")
    if has_control(text) or " " in text:
        raise click.BadParameter("there is a blank or a control character in it")
    try:
        found = parsed(text)
    except httpxr.InvalidURL as error:
        # What its parser says quotes the URL, and where a password ends is unknown.
        raise click.BadParameter(
            "it is no URL (and is not shown): is its port a number up to 65535, and is"
            " each of / ? # [ ] @ in a password percent-encoded?"
            f"{other_name(error)}"
        ) from None
    if not found.host:
        raise click.BadParameter("no host is named; write it as https://host/path")
    if flaw := flaw_of(found):
        raise click.BadParameter(flaw)
    return text


def _with_scheme(text: str) -> str:
    """What it was to be, unless there may be a credential in it."""
    whole = f"https://{text}"
    try:
        is_shown = "@" not in text and bool(parsed(whole).host)
    except httpxr.InvalidURL:
        is_shown = False
    return redacted(whole) if is_shown else "https://… instead"
