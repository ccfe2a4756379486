"""An ASGI application's life, beside its requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reconnecting_sse.testing.asgi import VERSIONS
from reconnecting_sse.testing.loop_thread import PATIENCE

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
        self._task: asyncio.Task[BaseException | None] | None = None
        self._is_started = False
        self.state: dict[str, Any] = {}

    async def begin(self, application: Application) -> None:
        """Start it up.

        Raises:
            RuntimeError: It said that it could not.
        """
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.create_task(self._run(application, scope))
        await self._order("lifespan.startup")
        self._is_started = self._task is not None

    async def end(self) -> None:
        """Shut it down.

        Raises:
            RuntimeError: It said that it could not, or raised.
        """
        await self._order("lifespan.shutdown")
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=PATIENCE)

    async def _run(
        self, application: Application, scope: dict[str, Any]
    ) -> BaseException | None:
        """What it raised: a SystemExit would end the event loop."""
        try:
            await application(scope, self._receive, self._said.put)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  (told, if it is an error)
            return error
        return None

    async def _receive(self) -> dict[str, Any]:
        return {"type": await self._orders.get()}

    async def _order(self, kind: str) -> None:
        task = self._task
        if task is None:
            return
        self._orders.put_nowait(kind)
        said = asyncio.ensure_future(self._said.get())
        await asyncio.wait({task, said}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            said.cancel()
            self._task = None
            error = task.result()
            # Before its startup, that says that it knows of no lifespan.
            if self._is_started and error is not None:
                raise RuntimeError(f"{kind} failed: {error!r}") from error
        elif said.result()["type"].endswith(".failed"):
            await asyncio.wait({task}, timeout=PATIENCE)
            raise RuntimeError(f"{kind} failed: {said.result().get('message', '')}")
