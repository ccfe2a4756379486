"""From a body's pieces to the bytes on the wire: encoded, then framed."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from reconnecting_sse.testing.script import PartOfChunk

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

    from reconnecting_sse.testing.script import Body, Pause, Piece

    Framed: TypeAlias = bytes | Pause | threading.Event
    Encoded: TypeAlias = Framed | PartOfChunk

# RFC 9110, section 8.4.1: "deflate" is the zlib format.
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


class Identity:
    """No encoding."""

    def encode(self, data: bytes) -> bytes:
        """All that is needed to decode ``data``, and what came before it."""
        return data

    def finish(self) -> bytes:
        """What ends the encoded body."""
        return b""


class Compression(Identity):
    """gzip or deflate."""

    def __init__(self, encoding: str) -> None:
        self._packer = zlib.compressobj(wbits=_WINDOW_BITS[encoding])

    def encode(self, data: bytes) -> bytes:
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._packer.flush()


def pieces_of(body: Body) -> Iterable[Piece]:
    """The body's pieces; a text or bytes is one, not as many as it has characters."""
    return (body,) if isinstance(body, (str, bytes)) else body


def encoded(body: Body, encoder: Identity, *, is_finished: bool) -> Iterator[Encoded]:
    """The body's pieces, encoded; an empty one is none."""
    for piece in pieces_of(body):
        match piece:
            case str() | bytes():
                if piece:  # bytes and text are not compared: python -bb minds
                    yield encoder.encode(_as_bytes(piece))
            case PartOfChunk():
                yield replace(piece, data=encoder.encode(_as_bytes(piece.data)))
            case _:
                yield piece
    tail = encoder.finish() if is_finished else b""
    if tail:
        yield tail


def _as_bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def bare(pieces: Iterable[Encoded]) -> Iterator[Framed]:
    """The pieces one after the other."""
    for piece in pieces:
        yield _as_bytes(piece.data) if isinstance(piece, PartOfChunk) else piece


def chunked(pieces: Iterable[Encoded], *, is_finished: bool) -> Iterator[Framed]:
    """The pieces as HTTP chunks."""
    missing = 0  # of the chunk begun
    for piece in pieces:
        match piece:
            case bytes():
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
            case PartOfChunk():
                data = _as_bytes(piece.data)
                head = b"" if piece.size is None else b"%x\r\n" % piece.size
                missing = (missing if piece.size is None else piece.size) - len(data)
                yield head + data + (b"" if missing else b"\r\n")
            case _:
                yield piece
    if is_finished:
        yield b"0\r\n\r\n"
