"""The pytest plugin: fixtures for code that subscribes to streams.

pytest loads it in every run of an environment that has the package, so it imports
nothing before a fixture is asked for, and stands beside the package, not in it. What
the fixtures hand out is in ``reconnecting_sse.testing``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse.testing import (
        CrashReport,
        ScriptedServer,
        ServedApplication,
        VirtualTime,
    )
    from reconnecting_sse.testing.respx import RespxRoutes


@pytest.fixture
def sse_server() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts servers that answer by a script, and ends them after the test.

    ``sse_server(script, **options)`` is a started ``ScriptedServer``, with its
    arguments; its errors are the test's.
    """
    from contextlib import ExitStack  # noqa: PLC0415

    from reconnecting_sse.testing import ScriptedServer  # noqa: PLC0415

    with ExitStack() as servers:
        yield lambda *script, **options: servers.enter_context(
            ScriptedServer(*script, **options)
        )


@pytest.fixture
def sse_app() -> Callable[[Any], ServedApplication]:
    """Serves ASGI applications without a socket.

    ``with sse_app(app) as served:`` for ``served.client()``, and ``async with`` for
    ``served.async_client()``.
    """
    from reconnecting_sse.testing import ServedApplication  # noqa: PLC0415

    return ServedApplication


@pytest.fixture
def virtual_time() -> Iterator[VirtualTime]:
    """Makes waits instant and exact, on both faces; ``virtual_time.now`` is the time.

    Instead of ``asyncio.run`` there is ``virtual_time.run``.
    """
    from reconnecting_sse.testing import VirtualTime  # noqa: PLC0415

    with VirtualTime() as virtual:
        yield virtual


@pytest.fixture
def crash_points() -> Callable[..., CrashReport]:
    """Kills a handler between any two effects: ``testing.crash_points``."""
    from reconnecting_sse.testing import crash_points  # noqa: PLC0415

    return crash_points


@pytest.fixture
def sse_jitter() -> Iterator[Callable[[int], None]]:
    """Gives waits the same jitter in each run; ``sse_jitter(7)``, another seed's.

    What is random afterwards is what would have been without it.
    """
    import random  # noqa: PLC0415

    state = random.getstate()
    random.seed(0)
    yield random.seed
    random.setstate(state)


@pytest.fixture
def sse_routes() -> RespxRoutes:
    """Answers from respx routes: ``sse_routes.router``, for ``sse_routes.client()``.

    It needs ``pip install "reconnecting-sse[testing]"``.
    """
    from reconnecting_sse.testing.respx import RespxRoutes  # noqa: PLC0415

    return RespxRoutes()
