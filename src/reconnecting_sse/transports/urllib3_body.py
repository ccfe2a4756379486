"""The body of a response on a blocking socket."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING
from weakref import finalize

import httpxr

from reconnecting_sse.transports.body import READ_SIZE, LiveBody
from reconnecting_sse.transports.codings.codings import decoder_for, without_coding
from reconnecting_sse.transports.codings.decoding import DecodingError
from reconnecting_sse.transports.urllib3_errors import Stage

if TYPE_CHECKING:
    from typing import Any

    from reconnecting_sse.transports.codings.decoding import Decoder
    from reconnecting_sse.transports.http1.response import LiveResponse
    from reconnecting_sse.transports.urllib3_connection import Connection
    from reconnecting_sse.transports.urllib3_errors import WireErrors

_SHORTEST = 0.001


class _State(Enum):
    OPEN = auto()
    ENDED = auto()
    CLOSED = auto()


class SocketBody(LiveBody):
    """Reads, and decodes, what has arrived; owns the connection.

    One thread reads it and closes it. ``close`` from another thread, or from a signal
    handler, ends a read that is under way with an error.
    """

    def __init__(
        self,
        connection: Connection,
        response: LiveResponse,
        errors: WireErrors,
        read_timeout: float | None,
    ) -> None:
        self._state = _State.OPEN
        self._socket = connection.sock
        self._response = response
        self._errors = errors
        self._decoder = _decoder(response)
        self.read_timeout = read_timeout
        self._arm()
        # Not __del__: in a cycle the socket could be collected, with a warning, first.
        self._free = finalize(self, _free, connection, response)

    def read(self) -> bytes:
        if self._state is not _State.OPEN:
            return self._read_after_the_end()
        try:
            data = self._receive()
            if not data:
                self._end()
        except BaseException as error:
            # Whatever interrupts a read may have swallowed bytes: never go on.
            try:
                failure = self._errors.of(error, Stage.READING, silence=self._armed)
            finally:
                self._leave(_State.CLOSED)
            if failure is error:
                raise
            raise failure from error
        return data

    def _arm(self) -> None:
        self._armed = self.read_timeout
        seconds = self.read_timeout
        # Zero would make the socket one that never waits, which is not a timeout.
        self._socket.settimeout(None if seconds is None else max(seconds, _SHORTEST))

    def _receive(self) -> bytes:
        if self.read_timeout != self._armed:
            self._arm()
        decoder = self._decoder
        if decoder is None:
            return self._response.read1(READ_SIZE)
        while True:
            data = b"" if decoder.pending else self._response.read1(READ_SIZE)
            if not data and not decoder.pending:
                if not decoder.is_whole:
                    raise DecodingError("the compressed data is incomplete")
                return b""
            decoded = decoder.decode(data)
            if decoded:
                return decoded

    def _end(self) -> None:
        # A body that lasts until the connection ends looks whole when we ended it.
        if self._errors.is_given_up:
            raise self._errors.closed(Stage.READING)
        self._leave(_State.ENDED)

    def _read_after_the_end(self) -> bytes:
        if self._state is _State.ENDED:
            return b""
        raise httpxr.ReadError(
            f"the response from {self._errors.where} is closed; make a new request"
        )

    def close(self) -> None:
        if self._state is _State.OPEN:
            self._leave(_State.CLOSED)

    def _leave(self, state: _State) -> None:
        self._state = state
        self._free()

    def as_response(self, request: httpxr.Request) -> httpxr.Response:
        response = self._response
        fields = response.fields
        # httpxr's stubs know headers of text only; it keeps bytes as they are.
        headers: Any = fields if self._decoder is None else without_coding(fields)
        return httpxr.Response(
            response.status,
            headers=headers,
            stream=self,
            request=request,
            extensions={
                "http_version": response.http_version,
                "reason_phrase": response.reason.encode("latin-1"),
            },
        )


def _free(connection: Connection, response: LiveResponse) -> None:
    # First: a thread that is blocked in a read holds the reader's lock.
    connection.release()
    connection.close()
    # Closed by a signal handler, within a read: that read ends and lets go of the rest.
    with suppress(RuntimeError):
        response.close()


def _decoder(response: LiveResponse) -> Decoder | None:
    if response.is_bodyless:
        return None
    return decoder_for(response.headers.get_all("content-encoding", []))
