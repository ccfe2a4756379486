"""The layers between a socket and HTTP: none, or TLS, or TLS within TLS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.steps import Steps
    from reconnecting_sse.transports.ways.tls import TLSLayer

_Result = TypeVar("_Result")


class Layers:
    """A stack of layers, the one next to the socket first.

    Attributes:
        is_ended: Nothing more can come: the connection has ended, or a layer has. If
            one is damaged, the next ``receive`` raises why.
    """

    __slots__ = ("_stack", "is_ended")

    def __init__(self) -> None:
        self._stack: list[TLSLayer] = []
        self.is_ended: bool = False

    def push(self, layer: TLSLayer) -> None:
        """Let all else go through this layer, too."""
        self._stack.append(layer)

    @property
    def is_plain(self) -> bool:
        return not self._stack

    @property
    def is_told(self) -> bool:
        """Whether an end now is one that the peer has told, or has no means to tell."""
        return self.is_plain or self._stack[-1].is_told

    def receive(self, data: bytes) -> bytes:
        """What the socket's bytes hold; called with none it gives what was left.

        Raises:
            ssl.SSLError: A layer is damaged; all that was good has been returned.
        """
        for layer in self._stack:
            data = layer.receive(data)
            if layer.is_ended:
                self.is_ended = True
        return data

    def receive_eof(self) -> None:
        """The connection has ended."""
        self.is_ended = True

    def send(self, data: bytes) -> bytes:
        """What to send for it on the socket."""
        for layer in reversed(self._stack):
            data = layer.send(data)
        return data

    def outgoing(self) -> bytes:
        """What the layers themselves have to send; asked for after each ``receive``."""
        data = b""
        for layer in reversed(self._stack):
            data = layer.send(data) if data else layer.outgoing()
        return data

    def through(self, steps: Steps[_Result]) -> Steps[_Result]:
        """The same steps, through these layers."""
        step = partial(next, steps)
        while True:
            try:
                wanted = step()
            except StopIteration as end:
                result: _Result = end.value
                return result
            finally:
                del step  # it may know an error, whose frames know it
            try:
                step = partial(steps.send, (yield from self._made(wanted)))
            except OSError as error:
                step = partial(steps.throw, error)

    def _made(self, wanted: bytes | None) -> Steps[bytes]:
        if wanted is None:
            return (yield from self._arrival())
        yield self.send(wanted)
        return b""

    def _arrival(self) -> Steps[bytes]:
        came = b""
        while not (data := self.receive(came)) and not self.is_ended:
            if answer := self.outgoing():
                yield answer
            came = yield None
            if not came:
                self.receive_eof()
        return data
