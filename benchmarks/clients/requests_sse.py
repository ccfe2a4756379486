"""requests-sse on requests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from requests_sse import EventSource

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Iterator[Any]]:
    with EventSource(url, verify=authority or True) as source:
        yield iter(source)
