"""What a body is, as its fields say: its media type, and what was done to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconnecting_sse.core.headers import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable

# IANA's HTTP Content Coding Registry, but for "identity": that is none.
_CODINGS = frozenset(
    {
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "gzip",
        "pack200-gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    }
)

# Fetch, "get, decode, and split": a comma within a quoted string separates nothing.
# Possessive: each character is looked at once, whatever is left open.
_MEMBERS = re.compile(
    r'(?:\A|,)[ \t,]*+((?:[^",]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+)', re.DOTALL
)
# MIME Sniffing, "parse a MIME type": whatever its parameters are, it is one.
_TOKEN = TOKEN.pattern.decode()
_TYPE = re.compile(rf"[ \t\r\n]*({_TOKEN}/{_TOKEN})[ \t\r\n]*(?:;.*)?", re.DOTALL)


def content_codings(values: Iterable[str]) -> list[str]:
    """The codings that Content-Encoding names, in the order in which they were applied.

    What nobody registered is no coding: the bytes are as they were before it.
    """
    members = (part.strip(" \t").lower() for part in ",".join(values).split(","))
    return [member for member in members if member in _CODINGS]


def media_type(values: Iterable[str]) -> str:
    """Fetch, "extract a MIME type": the essence of the last usable one, or ""."""
    members = reversed(_MEMBERS.findall(",".join(values)))
    return next((e for member in members if (e := essence_of(member))), "")


def essence_of(text: str) -> str:
    """The type and subtype, in lower case; "" where it names none, or any."""
    match = _TYPE.fullmatch(text)
    return "" if match is None or match[1] == "*/*" else match[1].lower()
