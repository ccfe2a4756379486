"""An ASGI application's life, beside its requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reconnecting_sse.testing.asgi import VERSIONS

if TYPE_CHECKING:
    from reconnecting_sse.testing.asgi import Application


class Lifespan:
    """The application's startup and shutdown; one that knows of neither has none.

    Attributes:
        state: What it wants each request to be given, too.
    """

    def __init__(self) -> None:
        self._orders: asyncio.Queue[str] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    async def begin(self, application: Application) -> None:
        """Start it up.

        Raises:
            RuntimeError: It said that it could not.
        """
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.ensure_future(
            application(scope, self._receive, self._said.put)
        )
        await self._order("lifespan.startup")

    async def end(self) -> None:
        """Shut it down.

        Raises:
            RuntimeError: It said that it could not.
        """
        await self._order("lifespan.shutdown")

    async def _receive(self) -> dict[str, Any]:
        return {"type": await self._orders.get()}

    async def _order(self, kind: str) -> None:
        task = self._task
        if task is None:
            return
        self._orders.put_nowait(kind)
        said = asyncio.ensure_future(self._said.get())
        await asyncio.wait({task, said}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():  # it knows of no lifespan: whatever it raised says so
            said.cancel()
            self._task = None
            task.exception()
        elif said.result()["type"].endswith(".failed"):
            await asyncio.wait({task})
            task.exception()  # it was told already
            raise RuntimeError(f"{kind} failed: {said.result().get('message', '')}")
