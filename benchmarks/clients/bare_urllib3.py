"""urllib3 alone: what an open response costs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator


def sharing(face: str, authority: str | None) -> dict[str, Any]:
    """One pool for many streams."""
    assert authority is None
    assert face == "sync"
    return {"pool": urllib3.PoolManager(maxsize=1000)}


@contextmanager
def reading(
    url: str, authority: str | None, pool: urllib3.PoolManager
) -> Iterator[Iterator[bytes]]:
    assert authority is None
    response = pool.request("GET", url, preload_content=False)
    yield response.stream()
    response.close()
