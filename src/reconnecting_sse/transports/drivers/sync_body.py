"""The body of a response on a blocking socket."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING
from weakref import finalize

from reconnecting_sse.transports.body import LiveBody
from reconnecting_sse.transports.drivers.patience import Patience
from reconnecting_sse.transports.wire_errors import OF_THE_WIRE, Stage, without_frames

if TYPE_CHECKING:
    import httpxr

    from reconnecting_sse.transports.conversation import Answered, Conversation
    from reconnecting_sse.transports.drivers.sync_wire import SyncWire


class _State(Enum):
    OPEN = auto()
    ENDED = auto()
    CLOSED = auto()


class SyncBody(LiveBody):
    """Reads, and decodes, what has arrived; owns the connection.

    One thread reads it and closes it. ``close`` from another thread, or from a signal
    handler, ends a read that is under way with an error.
    """

    def __init__(
        self,
        wire: SyncWire,
        conversation: Conversation,
        answered: Answered,
    ) -> None:
        self.read_timeout: float | None = conversation.timeouts.read
        self._state = _State.OPEN
        self._wire = wire
        self._inflow = answered.inflow
        self._first = answered.first
        self._errors = conversation.errors_within(answered)
        # Not __del__: in a cycle the socket could be collected, with a warning, first.
        self._free = finalize(self, wire.close)

    def read(self) -> bytes:
        if self._state is not _State.OPEN:
            return self._read_after_the_end()
        try:
            content = self._next()
        except OF_THE_WIRE as error:
            raise self._broken(error) from without_frames(error)
        except BaseException:
            # Whatever interrupts a read may have swallowed bytes: never go on.
            self._leave(_State.CLOSED)
            raise
        if not content:
            self._leave(_State.ENDED)
        return content

    def wait(self, seconds: float) -> bool:
        is_ready = self._first or self._inflow.is_pending or self._inflow.is_over()
        return bool(is_ready) or self._wire.arrives(max(0.0, seconds))

    def _broken(self, error: Exception) -> httpxr.TransportError:
        try:
            return self._errors.of(error, Stage.READING)
        finally:
            self._leave(_State.CLOSED)

    def _next(self) -> bytes:
        if self._first:
            content, self._first = self._first, b""
            return content
        inflow, patience = self._inflow, None
        while not inflow.is_over():
            if inflow.is_pending:
                content = inflow.more()
            else:
                content = inflow.receive(self._wire.receive(self.read_timeout))
                if reply := inflow.reply():
                    self._wire.reply(reply)
                patience = None
            if content:
                return content
            patience = patience or Patience(self._wire, self.read_timeout)
            patience.check()
        return b""

    def _read_after_the_end(self) -> bytes:
        if self._state is _State.ENDED:
            return b""
        raise self._errors.read_after_close()

    def close(self) -> None:
        if self._state is _State.OPEN:
            self._leave(_State.CLOSED)

    def _leave(self, state: _State) -> None:
        self._state = state
        self._free()
