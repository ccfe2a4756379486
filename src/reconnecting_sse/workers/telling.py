"""How a worker tells what happens in it: one line of the log, from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.work_facts import WorkFact


class Teller:
    """Logs facts under a URL and a durable name."""

    def __init__(self, logger: Any, url: str, durable_name: str) -> None:
        self._logger = logger
        self._about = {"url": url, "durable_name": durable_name}

    def tell(self, kind: Callable[..., WorkFact], **values: Any) -> None:
        """One fact, with these values beside what all have."""
        log.write(self._logger, kind(**self._about, **values))
