"""How many cookies servers may have one keep, and send (RFC 6265, section 6.1).

The caller's own are never counted among them, nor dropped.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from http.cookiejar import Cookie

COOKIE_BYTES = 4096
DOMAIN_COOKIES = 50
ALL_COOKIES = 3000
REQUEST_BYTES = 8192

# When a cookie that a server has set was used last: kept with the cookie, whose jar
# belongs to the client.
_USED = "reconnecting_sse.used"
_clock = count()


def use(cookies: Iterable[Cookie]) -> None:
    """They were set by a server, or sent to one, just now."""
    for cookie in cookies:
        cookie.set_nonstandard_attr(_USED, str(next(_clock)))


def is_a_server_s(cookie: Cookie) -> bool:
    """Whether a server has set it, and not the caller."""
    return cookie.has_nonstandard_attr(_USED)


def _last_use(cookie: Cookie) -> int:
    return int(cookie.get_nonstandard_attr(_USED) or 0)


def surplus(cookies: Iterable[Cookie]) -> list[Cookie]:
    """Those that have to go: of a domain's, then of all, the least recently used."""
    theirs = sorted(filter(is_a_server_s, cookies), key=_last_use, reverse=True)
    seen: Counter[str] = Counter()
    kept, dropped = 0, []
    for cookie in theirs:
        seen[cookie.domain] += 1
        if seen[cookie.domain] > DOMAIN_COOKIES or kept == ALL_COOKIES:
            dropped.append(cookie)
        else:
            kept += 1
    return dropped


def with_room(sizes: Sequence[tuple[Cookie, int]]) -> list[Cookie]:
    """Those that one request has room for; the least recently used stay behind."""
    own = [pair for pair in sizes if not is_a_server_s(pair[0])]
    theirs = [pair for pair in sizes if is_a_server_s(pair[0])]
    room = REQUEST_BYTES - sum(size + len("; ") for _, size in own)
    chosen = [cookie for cookie, _ in own]
    for cookie, size in sorted(theirs, key=lambda p: _last_use(p[0]), reverse=True):
        room -= size + len("; ")
        if room < 0:
            break
        chosen.append(cookie)
    return chosen


def is_part_of_an_address(cookie: Cookie, host: str) -> bool:
    """Whether its Domain names other machines whose addresses end alike."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return cookie.domain_specified and cookie.domain.lstrip(".") != host
