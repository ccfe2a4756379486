"""Reading one HTTP/1.1 request."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from reconnecting_sse.testing.script import RecordedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconnecting_sse.testing.script import Origin

LONGEST_LINE = 1 << 20


def read_request(stream: BinaryIO, listener: Origin) -> RecordedRequest:
    """The next request on ``stream``, once it is complete.

    Raises:
        ValueError: It is not a request, or ends before its end.
        OSError: The stream's own errors.
    """
    first = stream.read(1)
    # Told by its first byte: who speaks TLS here sends no line end, and waits.
    if not first.isalpha():
        raise ValueError("not an HTTP request")
    method, target, _version = (first.decode("latin-1") + _line(stream)).split(" ")
    headers = []
    while line := _line(stream):
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip(" \t")))
    fields = dict(headers)
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = b"".join(_chunks(stream))
    else:
        body = _exactly(stream, int(fields.get("content-length", "0")))
    return RecordedRequest(method, target, headers, body, listener)


def _line(stream: BinaryIO) -> str:
    line = stream.readline(LONGEST_LINE)
    if not line.endswith(b"\r\n"):
        raise ValueError("the request's head is not complete")
    return line[:-2].decode("latin-1")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("the request's body is not complete")
    return data


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(_line(stream).partition(";")[0], 16):
        yield _exactly(stream, size)
        _line(stream)
    while _line(stream):
        pass  # trailers
