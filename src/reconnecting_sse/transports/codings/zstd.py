"""zstd, with the standard library, its backport, or the zstandard package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from reconnecting_sse.transports.codings.decoding import (
    OUTPUT_LIMIT,
    Decoder,
    DecodingError,
)

# RFC 9659: no more than 8 MiB of window may be needed for this content coding.
_WINDOW_LOG = 23

# zstandard cannot bound its output. A block, of at least four bytes, gives 128 KiB at
# most: so many bytes of input give some 2 MiB.
_SLICE = 64

Frames = Callable[[], Any]


def zstd_frames() -> tuple[Frames, type[Exception]] | None:
    """What decodes one frame, and the error it raises; None without a library."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return _as_in_the_standard_library(import_module(name))
    with suppress(ImportError):
        return _with_zstandard(import_module("zstandard"))
    return None


def _as_in_the_standard_library(library: Any) -> tuple[Frames, type[Exception]]:
    options = {library.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return lambda: library.ZstdDecompressor(options=options), library.ZstdError


def _with_zstandard(library: Any) -> tuple[Frames, type[Exception]]:
    decompressor = library.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG)
    return lambda: _Sliced(decompressor.decompressobj()), library.ZstdError


class ZstdDecoder(Decoder):
    """Decodes one frame or many."""

    def __init__(self, frames: Frames, error: type[Exception]) -> None:
        self._frames = frames
        self._error = error
        self._frame = frames()
        self._tail = b""
        self._is_empty = True

    @property
    def is_whole(self) -> bool:
        is_finished: bool = self._frame.eof
        return self._is_empty or (is_finished and not self._tail)

    def _step(self, data: bytes) -> bytes:
        data, self._tail = self._tail + data, b""
        if not data and not self.pending:
            return b""
        self._is_empty = False
        if self._frame.eof:
            self._frame = self._frames()
        try:
            output: bytes = self._frame.decompress(data, OUTPUT_LIMIT)
        except self._error as error:
            raise DecodingError(str(error)) from error
        if self._frame.eof:
            self._tail = self._frame.unused_data
            self.pending = bool(self._tail)
        else:
            self.pending = not self._frame.needs_input
        return output


class _Sliced:
    """A frame of zstandard's, with the manners of the standard library's."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._rest = b""

    @property
    def eof(self) -> bool:
        is_finished: bool = self._frame.eof
        return is_finished

    @property
    def unused_data(self) -> bytes:
        unused: bytes = self._frame.unused_data
        return unused + self._rest

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data, output, at = self._rest + data, bytearray(), 0
        while at < len(data) and len(output) < max_length and not self._frame.eof:
            output += self._frame.decompress(data[at : at + _SLICE])
            at += _SLICE
        self._rest = data[at:]
        return bytes(output)
