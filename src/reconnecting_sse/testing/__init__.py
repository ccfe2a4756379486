"""What one needs to test against servers that fail: for our tests and for yours.

``ScriptedServer`` plays a script of answers on loopback; ``NumberedFeed`` is a script
for a feed that can be resumed. ``ServedApplication`` answers from an ASGI application
in process. ``crash_points`` kills a handler between any two of its effects, and says
what was lost or came twice. ``RespxTransport`` and ``AsyncRespxTransport`` answer
from respx routes instead; they need ``pip install "reconnecting-sse[testing]"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconnecting_sse.testing.application import ServedApplication
from reconnecting_sse.testing.crashes.report import CrashPoint, CrashReport
from reconnecting_sse.testing.crashes.trying import crash_points
from reconnecting_sse.testing.feed import (
    FAULT_KINDS,
    Fault,
    FaultKind,
    NumberedFeed,
    RandomFaults,
)
from reconnecting_sse.testing.resumed import Position, assert_resumed_from, by_header
from reconnecting_sse.testing.script import (
    EVENT_STREAM,
    Answer,
    Close,
    Handler,
    Hang,
    PartOfChunk,
    Pause,
    Raw,
    RecordedRequest,
    Refuse,
    Reset,
    Script,
    Step,
)
from reconnecting_sse.testing.server import ScriptedServer
from reconnecting_sse.testing.virtual_time import VirtualTime

if TYPE_CHECKING:
    from reconnecting_sse.testing.respx import (
        AsyncRespxTransport as AsyncRespxTransport,
    )
    from reconnecting_sse.testing.respx import (
        RespxMocker as RespxMocker,
    )
    from reconnecting_sse.testing.respx import (
        RespxRoutes as RespxRoutes,
    )
    from reconnecting_sse.testing.respx import (
        RespxTransport as RespxTransport,
    )

# Not in __all__, as importing * has to work without the extra: the names of respx.
__all__ = [
    "EVENT_STREAM",
    "FAULT_KINDS",
    "Answer",
    "Close",
    "CrashPoint",
    "CrashReport",
    "Fault",
    "FaultKind",
    "Handler",
    "Hang",
    "NumberedFeed",
    "PartOfChunk",
    "Pause",
    "Position",
    "RandomFaults",
    "Raw",
    "RecordedRequest",
    "Refuse",
    "Reset",
    "Script",
    "ScriptedServer",
    "ServedApplication",
    "Step",
    "VirtualTime",
    "assert_resumed_from",
    "by_header",
    "crash_points",
]

_NEEDS_RESPX = ("AsyncRespxTransport", "RespxMocker", "RespxRoutes", "RespxTransport")


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_RESPX:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reconnecting_sse.testing import respx  # noqa: PLC0415 - an extra's

    return getattr(respx, name)
