"""A body's bytes without their framing, and where it ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconnecting_sse.transports.http1.faults import Fault


class Payload(ABC):
    """What the bytes behind a head are worth.

    Attributes:
        is_done: The proper end has come; what follows it is nobody's.
        fault: What is wrong with the framing, once the good bytes before it are out.
    """

    is_done: bool = False
    fault: Fault | None = None

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """What the bytes add to the body; none may follow its end, or a fault."""

    @property
    def may_end(self) -> bool:
        """Whether the connection's end, now, is the body's proper end.

        Asked when that end has come: nothing may be fed afterwards.
        """
        return self.is_done


class Counted(Payload):
    """A body of known length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.is_done: bool = not length

    def feed(self, data: bytes) -> bytes:
        payload = data[: self._left]
        self._left -= len(payload)
        self.is_done = not self._left
        return payload


class Nothing(Counted):
    """No body follows."""

    def __init__(self) -> None:
        super().__init__(0)


class UntilClose(Payload):
    """A body that lasts as long as the connection."""

    def feed(self, data: bytes) -> bytes:
        return data

    @property
    def may_end(self) -> bool:
        return True
