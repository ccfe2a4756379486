"""zstd, with the standard library or its backport."""

from __future__ import annotations

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


def zstd_library() -> Any:
    """The installed library, or None."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return import_module(name)
    return None


class ZstdDecoder(Decoder):
    """Decodes one frame or many."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._frame = self._next_frame()
        self._tail = b""
        self._is_empty = True

    def _next_frame(self) -> Any:
        options = {self._library.DecompressionParameter.window_log_max: _WINDOW_LOG}
        return self._library.ZstdDecompressor(options=options)

    @property
    def is_whole(self) -> bool:
        is_finished: bool = self._frame.eof
        return self._is_empty or (is_finished and not self._tail)

    def decode(self, data: bytes) -> bytes:
        data, self._tail = self._tail + data, b""
        if not data and not self.pending:
            return b""
        self._is_empty = False
        if self._frame.eof:
            self._frame = self._next_frame()
        try:
            output: bytes = self._frame.decompress(data, OUTPUT_LIMIT)
        except self._library.ZstdError as error:
            raise DecodingError(str(error)) from error
        if self._frame.eof:
            self._tail = self._frame.unused_data
            self.pending: bool = bool(self._tail)
        else:
            self.pending = not self._frame.needs_input
        return output
