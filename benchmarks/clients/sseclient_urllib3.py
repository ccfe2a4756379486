"""sseclient-py on urllib3, as its own page shows it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3
from sseclient import SSEClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Iterator[Any]]:
    with urllib3.PoolManager(ca_certs=authority) as pool:
        response = pool.request(
            "GET",
            url,
            preload_content=False,
            headers={"Accept": "text/event-stream"},
        )
        yield SSEClient(response).events()
        response.close()
