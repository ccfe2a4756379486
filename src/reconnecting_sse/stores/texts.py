"""Which texts a store can keep: each of them the same."""

from __future__ import annotations

from reconnecting_sse.core.errors import StoreRefused, shortened


def check(*texts: str | None) -> None:
    """Refuse what is no text: half a surrogate pair, as JSON can have it.

    Raises:
        StoreRefused: UTF-8 cannot encode it.
    """
    for text in texts:
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise StoreRefused(
                f"{shortened(str(text))!a} has half a surrogate pair, which no"
                " store can keep: give another name, or make the position of whole"
                " characters (dialect=Dialect(position=...))"
            ) from error
