"""What a subscription has been through, counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class StreamStats:
    """What a source has been through so far.

    Attributes:
        connections: Streams that were opened.
        reconnects: Ends that another attempt followed, by cause.
        events: Events handed to the caller.
        bytes: Bytes of the bodies, decoded.
        last_byte_age: Seconds since bytes, of heartbeats too, were last taken from a
            stream, or since one was opened; None before the first. It grows in the
            loop's body as well, where nothing is taken, and until the next stream.
        normal_silence: Seconds that the stream is silent at most while all is well:
            three times the longest of its last sixteen silences, at least 10. None
            while fewer than three are known, and where it would be above 300.
    """

    connections: int
    reconnects: Mapping[str, int]
    events: int
    bytes: int
    last_byte_age: float | None
    normal_silence: float | None


@dataclass(slots=True)
class Counters:
    """What ``stats`` is made from."""

    connections: int = 0
    events: int = 0
    bytes: int = 0
    last_byte_at: float | None = None
    reconnects: dict[str, int] = field(default_factory=dict)

    def reconnected(self, cause: str) -> None:
        """An end, that another attempt follows."""
        self.reconnects[cause] = self.reconnects.get(cause, 0) + 1
