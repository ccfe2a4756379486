"""sseclient-py on requests, as its own page shows it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from sseclient import SSEClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reading(url: str, authority: str | None) -> Iterator[Iterator[Any]]:
    with requests.get(  # noqa: S113  (a stream)
        url,
        stream=True,
        verify=authority or True,
        headers={"Accept": "text/event-stream"},
    ) as response:
        yield SSEClient(response).events()
